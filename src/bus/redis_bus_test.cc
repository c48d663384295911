// The bus over a real Redis.
#include "bus/redis_bus.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "test/support/private_redis.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

class Receiver final : public BusReceiver {
 public:
  void OnDeliveries(std::vector<BusDelivery> deliveries) override {
    if (fail_once.exchange(false)) throw std::bad_alloc();
    Change([&] {
      for (const BusDelivery& one : deliveries) {
        ++messages;
        bytes += one.bytes.size();
      }
    });
  }
  void OnFollowed(std::vector<Uuid> conversations) override {
    Change([&] { followed += conversations.size(); });
  }
  void OnConnection(bool up) override {
    Change([&] { up ? ++ups : ++downs; });
  }
  bool Congested() const override { return congested; }

  template <class Is>
  bool Wait(Is is) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, is);
  }

  std::atomic<bool> congested{false}, fail_once{false};
  std::atomic<size_t> messages{0}, bytes{0}, followed{0};
  std::atomic<int> ups{0}, downs{0};

 private:
  template <class Do>
  void Change(Do change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

class RedisBusTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::PrivateRedis::Installed()) GTEST_SKIP() << "no redis-server";
    redis_.emplace();
    bus_.emplace(ParseRedisUrl(redis_->url()).value(), counters_);
    bus_->Start(receiver_);
    ASSERT_TRUE(receiver_.Wait([&] { return receiver_.ups == 1; }));
  }

  static bool Reaches(const Counter& counter, uint64_t value) {
    for (int i = 0; i < 2000 && counter.value() < value; ++i) std::this_thread::sleep_for(10ms);
    return counter.value() >= value;
  }

  std::optional<test::PrivateRedis> redis_;
  BusCounters counters_;
  Receiver receiver_;
  std::optional<RedisBus> bus_;
};

TEST_F(RedisBusTest, ReadingPausesWhileTheReceiverIsCongested) {
  constexpr size_t kMessages = 1000, kBytes = 10'000;
  receiver_.congested = true;
  for (size_t i = 0; i < kMessages; ++i) bus_->Publish(std::nullopt, std::string(kBytes, 'x'));
  ASSERT_TRUE(Reaches(counters_.published, kMessages));
  ASSERT_TRUE(Reaches(counters_.pauses, 1));
  std::this_thread::sleep_for(200ms);
  EXPECT_LE(receiver_.bytes, 128 * 1024u) << "at most one read";
  EXPECT_EQ(counters_.pauses.value(), 1u);
  receiver_.congested = false;
  EXPECT_TRUE(receiver_.Wait([&] { return receiver_.messages == kMessages; }));
  EXPECT_EQ(receiver_.downs, 0);
}

TEST_F(RedisBusTest, TheBusStopsWhileReadingIsPaused) {
  receiver_.congested = true;
  bus_->Publish(std::nullopt, "x");
  ASSERT_TRUE(Reaches(counters_.pauses, 1));
  bus_->Stop();
}

TEST_F(RedisBusTest, AnyErrorIsCountedAndTheBusReconnects) {
  const Uuid conversation{{7}};
  bus_->Follow(conversation);
  ASSERT_TRUE(receiver_.Wait([&] { return receiver_.followed == 1; }));
  receiver_.fail_once = true;
  bus_->Publish(std::nullopt, "x");
  ASSERT_TRUE(receiver_.Wait([&] { return receiver_.ups == 2; }));
  EXPECT_EQ(receiver_.downs, 1);
  EXPECT_EQ(counters_.failures.value(), 1u);
  ASSERT_TRUE(receiver_.Wait([&] { return receiver_.followed == 2; })) << "subscribed again";
  bus_->Publish(conversation, "y");
  EXPECT_TRUE(receiver_.Wait([&] { return receiver_.messages == 1; }));
}

}  // namespace
}  // namespace parley

// What Cluster publishes and stores, with a bus controlled by the test. test_cluster.py runs
// several nodes over Redis.
#include "hub/cluster.h"

#include <gtest/gtest.h>

#include "test/support/partial_store.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using namespace std::chrono_literals;
using test::StepExecutor;

// Records what is published.
class HeldBus final : public Bus {
 public:
  void Start(BusReceiver& to) override { receiver = &to; }
  void Stop() override {}
  void Publish(const std::optional<Uuid>&, std::string_view bytes) override {
    published.push_back(*DecodeBus(bytes));
  }
  void Follow(const Uuid&) override {}
  void Leave(const Uuid&) override {}
  bool up() const override { return is_up; }

  size_t PresenceOf(bool online) const {
    size_t users = 0;
    for (const FromNode& one : published) {
      const auto* presence = std::get_if<BusPresence>(&one.message);
      if (presence != nullptr && presence->online == online) users += presence->users.size();
    }
    return users;
  }

  BusReceiver* receiver = nullptr;
  bool is_up = true;
  std::vector<FromNode> published;
};

// Counts the reads of changed heads; each finds nothing.
class EmptyLogs final : public FollowedLogs {
 public:
  void ListInbox(int, Executor& on, Answer<std::vector<Uuid>> done) override {
    on.Post([done = std::move(done)]() mutable { done(std::vector<Uuid>()); });
  }
  void ListChangedHeads(LogQuery, Executor& on, Answer<ChangedHeads> done) override {
    ++reads;
    on.Post([done = std::move(done)]() mutable { done(ChangedHeads()); });
  }
  void ListAccessChanges(LogQuery, Executor& on, Answer<AccessChanges> done) override {
    on.Post([done = std::move(done)]() mutable { done(AccessChanges()); });
  }
  int reads = 0;
};

class ClusterTest : public testing::Test {
 protected:
  static constexpr Uuid kStore{{1}}, kOtherStore{{2}}, kNode{{0x11}}, kOther{{0x22}};

  void Make(bool with_bus) {
    auto bus = with_bus ? std::make_unique<HeldBus>() : nullptr;
    bus_ = bus.get();
    cluster_ = std::make_unique<Cluster>(
        self_, logs_, std::move(bus), counters_, clock_,
        Cluster::Options{.node = kNode, .store = kStore, .shared_limits = shared_limits_});
    hubs_.push_back(std::make_unique<Hub>(self_, 0, store_, hub_counters_,
                                          HomeOptions{.clock = &clock_,
                                                      .online = &online_,
                                                      .other_writers = true,
                                                      .follow_sinks = {cluster_.get()},
                                                      .taps = {cluster_.get()}},
                                          cluster_.get()));
    Hub::Connect(hubs_);
    cluster_->Connect(hubs_);
    cluster_->Start();
  }
  void Hear(const BusMessage& message, const Uuid& from = kOther) {
    bus_->receiver->OnDeliveries({{std::nullopt, EncodeBus(from, message)}});
    self_.Run();
  }
  void Tick(Duration time = 100ms) {
    clock_.Advance(time);
    cluster_->OnTick(clock_.Steady());
    self_.Run();
  }

  StepExecutor self_;
  EmptyLogs logs_;
  test::PartialHubStore store_;
  BusCounters counters_;
  HubCounters hub_counters_;
  OnlineUsers online_;
  ManualClock clock_;
  RateLimiter* shared_limits_ = nullptr;
  HeldBus* bus_ = nullptr;
  std::unique_ptr<Cluster> cluster_;
  std::vector<std::unique_ptr<Hub>> hubs_;
};

TEST_F(ClusterTest, PresenceIsNotQueuedWithoutABus) {
  Make(false);
  for (int i = 0; i < 100'000; ++i)
    cluster_->PublishPresence("user" + std::to_string(i), i % 2 == 0);
  EXPECT_EQ(self_.posted(), 0u);
}

TEST_F(ClusterTest, PendingPresenceIsPublishedInBoundedMessages) {
  Make(true);
  for (int i = 0; i < 25'000; ++i) cluster_->PublishPresence("user" + std::to_string(i), true);
  self_.Run();
  EXPECT_EQ(bus_->PresenceOf(true), 20'000u) << "it does not wait for the tick";
  Tick();
  EXPECT_EQ(bus_->PresenceOf(true), 25'000u);
}

TEST_F(ClusterTest, ANodeOfAnotherStoreIsCountedAndItsJoinsAreIgnored) {
  Make(true);
  for (int i = 0; i < 17; ++i) Tick(1s);
  EXPECT_FALSE(cluster_->store_mismatch());
  Hear(BusHello{kOtherStore});
  Tick();
  EXPECT_FALSE(cluster_->store_mismatch()) << "this node has settled before";
  EXPECT_EQ(counters_.other_stores.value(), 1u);
  bus_->published.clear();
  Hear(BusLost{});
  Hear(BusPresenceAsk{kNode});
  EXPECT_EQ(bus_->PresenceOf(true), 0u);
}

TEST_F(ClusterTest, ANewNodeBesideAnotherStoreYields) {
  Make(true);
  Tick();
  Hear(BusHello{kOtherStore});
  EXPECT_TRUE(cluster_->store_mismatch());
}

TEST_F(ClusterTest, ReconnectsOfManyNodesCauseOneReadOfHeads) {
  Make(true);
  Tick();
  Tick(3s);
  const int before = logs_.reads;
  for (uint8_t node = 1; node < 200; ++node) Hear(BusLost{}, Uuid{{0x33, node}});
  bus_->receiver->OnConnection(true);
  bus_->receiver->OnFollowed(std::vector<Uuid>(10'000));
  self_.Run();
  for (int i = 0; i < 10; ++i) Tick();
  EXPECT_EQ(logs_.reads, before + 1);
  for (int i = 0; i < 10; ++i) {
    Hear(BusLost{}, Uuid{{0x33, 1}});
    Tick();
  }
  EXPECT_LE(logs_.reads, before + 4) << "once for each half second";
  EXPECT_GE(logs_.reads, before + 2);
}

TEST_F(ClusterTest, TheStatusOfAnotherNodeIsListedUntilItsLeaseEnds) {
  Make(true);
  const auto nodes = [&] {
    std::vector<Cluster::NodeReport> found;
    cluster_->ListNodes(self_, [&](Result<std::vector<Cluster::NodeReport>> listed) {
      found = std::move(*listed);
    });
    self_.Run();
    return found;
  };
  Hear(BusHello{kStore});
  ASSERT_EQ(nodes().size(), 1u);
  EXPECT_EQ(nodes()[0].status, "") << "an older version sends none";
  Hear(BusStatus{R"({"version":"2"})"});
  Hear(BusStatus{R"({"version":"3"})"
                 "garbage"});
  Hear(BusStatus{"{\"version\":\"" + std::string(5000, 'x') + "\"}"});
  Tick(2s);
  EXPECT_EQ(nodes()[0].status, R"({"version":"2"})")
      << "text that would damage an answer is ignored";
  EXPECT_EQ(nodes()[0].silent_for, Duration(2s));
  EXPECT_EQ(nodes()[0].node, kOther);
  Hear(BusHello{kOtherStore}, Uuid{{0x33}});
  EXPECT_TRUE(nodes()[1].foreign);
  for (int i = 0; i < 16; ++i) Tick(1s);
  EXPECT_EQ(nodes().size(), 0u);
}

TEST_F(ClusterTest, HeadsAreReadMoreOftenWithoutTheBus) {
  Make(true);
  const auto reads_in = [&](int seconds) {
    const int before = logs_.reads;
    for (int i = 0; i < seconds * 10; ++i) Tick();
    return logs_.reads - before;
  };
  reads_in(20);
  const int with_bus = reads_in(60);
  EXPECT_GE(with_bus, 6);
  EXPECT_LE(with_bus, 9);
  bus_->is_up = false;
  reads_in(20);
  EXPECT_GE(reads_in(60), 30);
}

// --- shared rate limits

class SharedLimitsTest : public ClusterTest {
 protected:
  static RateLimits Rates() {
    RateLimits limits{.on = true, .shared = true};
    limits.rates.fill({1, 10});
    return limits;
  }
  SharedLimitsTest() { shared_limits_ = &limiter_; }
  void Take(int tokens, const std::string& user) {
    for (int i = 0; i < tokens; ++i) limiter_.Take(Limit::kSend, user);
  }
  std::vector<BusConsumed::Entry> Published() const {
    std::vector<BusConsumed::Entry> entries;
    for (const FromNode& one : bus_->published) {
      const auto* consumed = std::get_if<BusConsumed>(&one.message);
      if (consumed == nullptr) continue;
      EXPECT_LE(consumed->entries.size(), 1000u);
      entries.insert(entries.end(), consumed->entries.begin(), consumed->entries.end());
    }
    return entries;
  }
  BusConsumed Consumed(const std::string& user, int64_t tokens) const {
    return {{{static_cast<uint8_t>(Limit::kSend), user, tokens}}};
  }

  RateLimiter limiter_{Rates(), clock_};
};

TEST_F(SharedLimitsTest, ConsumptionIsPublishedOncePerTick) {
  Make(true);
  Take(5, "ann");
  Tick();
  EXPECT_TRUE(Published().empty()) << "there is no other node";
  Hear(BusHello{kStore});
  Take(4, "ann");
  for (int i = 0; i < 2500; ++i) Take(1, "user" + std::to_string(i));
  Tick();
  EXPECT_EQ(Published().size(), 2501u);
  Tick();
  EXPECT_EQ(Published().size(), 2501u);
  EXPECT_EQ(limiter_.shared_counters().sent.value(), 2501u);
}

TEST_F(SharedLimitsTest, ConsumptionWithoutABusIsLostAndCounted) {
  Make(true);
  Hear(BusHello{kStore});
  bus_->is_up = false;
  Take(5, "ann");
  Tick();
  bus_->is_up = true;
  Tick();
  EXPECT_TRUE(Published().empty()) << "an outage leaves no debts";
  EXPECT_EQ(limiter_.shared_counters().lost.value(), 1u);
}

TEST_F(SharedLimitsTest, OnlyNodesOfThisStoreCharge) {
  Make(true);
  Hear(Consumed("ann", 4));
  EXPECT_EQ(limiter_.Left(Limit::kSend, "ann"), 10) << "a node that has not announced its store";
  Hear(BusHello{kOtherStore}, Uuid{{0x33}});
  Hear(Consumed("ann", 4), Uuid{{0x33}});
  EXPECT_EQ(limiter_.Left(Limit::kSend, "ann"), 10);
  Hear(BusHello{kStore});
  Hear(Consumed("ann", 4));
  EXPECT_EQ(limiter_.Left(Limit::kSend, "ann"), 6);
  Hear(Consumed("ann", 4), kNode);
  EXPECT_EQ(limiter_.Left(Limit::kSend, "ann"), 6) << "its own message";
}

TEST_F(SharedLimitsTest, UnknownLimitsAndLongKeysAreIgnored) {
  Make(true);
  Hear(BusHello{kStore});
  Hear(BusConsumed{
      {{200, "ann", 4}, {0, "ann", 4}, {2, std::string(5000, 'x'), 4}, {2, "ann", -4}}});
  EXPECT_EQ(limiter_.entries(), 0u);
}

}  // namespace
}  // namespace parley

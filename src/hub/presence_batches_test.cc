#include "hub/presence_batches.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "protocol/events.h"
#include "test/support/rooms.h"
#include "test/support/silent_feed_sink.h"

namespace parley {
namespace {

using test::kRoom, test::kOther;

// A subscriber that records what it receives: "+ann" for online, "-ann" for offline.
class Subscriber final : public test::SilentFeedSink {
 public:
  explicit Subscriber(const Uuid& conversation = kRoom) : feed(conversation, *this) {}
  bool SendPresence(std::span<const EventRef> events) override {
    ++writes;
    for (const EventRef& event : events) {
      EXPECT_EQ(event->conversation, feed.conversation());
      EXPECT_EQ(event->json, PresenceEvent(event->conversation, event->except_user,
                                           event->kind == EventKind::kUserOnline)
                                 ->json);
      seen += (event->kind == EventKind::kUserOnline ? "+" : "-") + event->except_user;
    }
    return true;
  }
  std::string TakeSeen() { return std::exchange(seen, {}); }

  Feed feed;
  std::string seen;
  int writes = 0;
};

class PresenceBatchesTest : public testing::Test {
 protected:
  using Subscribers = std::vector<std::unique_ptr<Subscriber>>;

  Subscriber& Subscribe(const Uuid& conversation = kRoom) {
    subscribers_.push_back(std::make_unique<Subscriber>(conversation));
    Feed& feed = subscribers_.back()->feed;
    table_.Add(feed);
    batches_.Skip(feed);
    feed.Start(0);
    return *subscribers_.back();
  }
  void Change(const UserId& user, bool online = true, const Uuid& conversation = kRoom) {
    batches_.Deliver(PresenceEvent(conversation, user, online));
  }
  // Uses up what is delivered at once in a tick.
  void BeginStorm() {
    const Uuid calm{{9}};
    if (!table_.HasTopic(calm)) Subscribe(calm);
    for (size_t i = 0; i < PresenceBatches::kPromptWrites; ++i) Change("x", true, calm);
  }
  int64_t waiting_bytes() const { return counters_.presence_bytes.value(); }

  HubCounters counters_;
  SubscriptionTable table_;
  PresenceBatches batches_{table_, counters_};
  Subscribers subscribers_;
};

TEST_F(PresenceBatchesTest, AFewChangesAreDeliveredAtOnce) {
  Subscriber& one = Subscribe();
  Change("bob");
  EXPECT_EQ(one.TakeSeen(), "+bob");
  Change("bob", false);
  EXPECT_EQ(one.TakeSeen(), "-bob");
  EXPECT_EQ(waiting_bytes(), 0);
}

TEST_F(PresenceBatchesTest, InAStormTheChangesOfATickAreDeliveredTogetherAndInOrder) {
  Subscriber &one = Subscribe(), &two = Subscribe(), &other = Subscribe(kOther);
  BeginStorm();
  Change("bob");
  Change("cho", true, kOther);
  Change("cho");
  Change("bob", false);
  EXPECT_EQ(one.TakeSeen() + two.TakeSeen() + other.TakeSeen(), "");
  EXPECT_GT(waiting_bytes(), 0);
  batches_.OnTick();
  EXPECT_EQ(one.TakeSeen(), "+bob+cho-bob");
  EXPECT_EQ(two.TakeSeen(), "+bob+cho-bob");
  EXPECT_EQ(other.TakeSeen(), "+cho");
  EXPECT_EQ(one.writes, 1);
  EXPECT_EQ(waiting_bytes(), 0);
  batches_.OnTick();
  EXPECT_EQ(one.TakeSeen(), "");
}

TEST_F(PresenceBatchesTest, AChangeNeverOvertakesThoseThatWait) {
  std::vector<Subscriber*> crowd;
  for (size_t i = 0; i < PresenceBatches::kWritesPerTick; ++i) crowd.push_back(&Subscribe(kOther));
  Subscriber& one = Subscribe();
  BeginStorm();
  Change("x", true, kOther);
  Change("bob");
  batches_.OnTick();  // delivers the older batch only
  EXPECT_EQ(crowd.front()->TakeSeen(), "+x");
  EXPECT_EQ(one.TakeSeen(), "");
  Change("bob", false);
  EXPECT_EQ(one.TakeSeen(), "");
  batches_.OnTick();
  EXPECT_EQ(one.TakeSeen(), "+bob-bob");
}

TEST_F(PresenceBatchesTest, ABatchPrecedesTheNextOtherEventOfItsConversation) {
  Subscriber &one = Subscribe(), &other = Subscribe(kOther);
  BeginStorm();
  Change("bob");
  Change("bob", true, kOther);
  batches_.Flush(kRoom);
  EXPECT_EQ(one.TakeSeen(), "+bob");
  EXPECT_EQ(other.TakeSeen(), "");
  batches_.Flush(kRoom);
  EXPECT_EQ(one.TakeSeen(), "");
}

TEST_F(PresenceBatchesTest, AFeedDoesNotReceiveChangesThatItsGreetingReflects) {
  Subscriber& one = Subscribe();
  BeginStorm();
  Change("bob");
  Subscriber& two = Subscribe();
  Change("cho");
  batches_.OnTick();
  EXPECT_EQ(one.TakeSeen(), "+bob+cho");
  EXPECT_EQ(two.TakeSeen(), "+cho");
  BeginStorm();
  Change("dan");
  batches_.OnTick();
  EXPECT_EQ(two.TakeSeen(), "+dan");
}

TEST_F(PresenceBatchesTest, AHeldFeedReceivesNothing) {
  Subscriber held;
  table_.Add(held.feed);
  Change("bob");
  BeginStorm();
  Change("cho");
  batches_.OnTick();
  EXPECT_EQ(held.TakeSeen(), "");
}

TEST_F(PresenceBatchesTest, NothingWaitsForAConversationWithoutSubscribers) {
  BeginStorm();
  Change("bob");
  EXPECT_EQ(waiting_bytes(), 0);
  Subscriber gone;
  table_.Add(gone.feed);
  Change("bob");
  table_.Remove(gone.feed);
  Subscriber& next = Subscribe();
  batches_.OnTick();
  EXPECT_EQ(next.TakeSeen(), "");
  EXPECT_EQ(waiting_bytes(), 0);
}

TEST_F(PresenceBatchesTest, ABatchWaitsForASecondAtMost) {
  std::vector<Subscriber*> oldest;
  const size_t rooms = 2 * PresenceBatches::kMaxTicks;
  std::vector<std::vector<Subscriber*>> crowds(rooms);
  for (size_t room = 0; room < rooms; ++room) {
    for (size_t i = 0; i < PresenceBatches::kWritesPerTick; ++i) {
      crowds[room].push_back(&Subscribe(Uuid{{3, static_cast<uint8_t>(room)}}));
    }
  }
  BeginStorm();
  for (size_t room = 0; room < rooms; ++room) {
    Change("bob", true, Uuid{{3, static_cast<uint8_t>(room)}});
  }
  for (uint64_t tick = 1; tick <= PresenceBatches::kMaxTicks; ++tick) {
    batches_.OnTick();
    size_t delivered = 0;
    for (const auto& crowd : crowds) delivered += crowd.back()->seen.empty() ? 0 : 1;
    EXPECT_EQ(delivered, tick < PresenceBatches::kMaxTicks ? tick : rooms);
  }
}

TEST_F(PresenceBatchesTest, WaitingChangesAreBoundedInBytes) {
  Subscriber &one = Subscribe(), &other = Subscribe(kOther);
  BeginStorm();
  const UserId name(1000, 'x');
  Change(name);
  for (int i = 0; i < 2000 && one.seen.empty(); ++i) {
    Change(name, true, kOther);
    ASSERT_LE(waiting_bytes(), static_cast<int64_t>(PresenceBatches::kMaxBytes));
  }
  EXPECT_EQ(one.writes, 1);
  EXPECT_EQ(other.writes, 0);
  EXPECT_GT(waiting_bytes(), static_cast<int64_t>(PresenceBatches::kMaxBytes) / 2);
}

TEST_F(PresenceBatchesTest, AnEventOfAnotherProducerIsDeliveredAtOnceAndBehindTheBatch) {
  Subscriber& one = Subscribe();
  BeginStorm();
  Change("bob");
  const EventRef event = PresenceEvent(kRoom, "cho", true);
  Event other{.conversation = kRoom, .kind = EventKind::kUserOnline, .json = event->json};
  other.origin = Origin::kDjango;
  other.except_user = "cho";
  other.single_conversation = true;
  batches_.Deliver(std::make_shared<const Event>(std::move(other)));
  EXPECT_EQ(one.TakeSeen(), "+bob+cho");
}

}  // namespace
}  // namespace parley

// Calls and events that cross shards. The parts are tested in home_test, feed_test and
// subscription_table_test, and their combination in catch_up_property_test.
#include "hub/hub.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "protocol/events.h"
#include "test/support/model_store.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using test::ModelStore;
using test::StepExecutor;
using Seqs = std::vector<int64_t>;

class Listener final : public FeedSink {
 public:
  Listener(Hub& hub, const Uuid& conversation) : hub_(hub), feed(conversation, *this) {}
  SendStatus SendEvent(const Event& event) override {
    seqs.push_back(event.seq);
    return SendStatus::kQueued;
  }
  void SendEphemeral(const Event&) override { ++ephemeral; }
  bool SendPresence(std::span<const EventRef> events) override {
    for (const EventRef& event : events) presence.emplace_back(event->except_user, seqs.size());
    return true;
  }
  void SendGap(const Uuid&, int64_t, int64_t, bool) override {}
  void Fetch(Feed& asking) override { hub_.Fetch(asking); }
  void FetchFailed(Feed&) override { ++failed; }
  void Fetched(Feed&) override { ++fetched; }
  void CaughtUp(Feed&) override { ++caught_up; }
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed&, const Event&) override { ++removed; }

  void Open(const UserId& user) {
    user_ = user;
    hub_.Subscribe(feed, user, false, [this](Feed& found, Result<Subscription> given) {
      subscription = given;
      if (!given) return;
      found.HoldAt(given->head);
      found.Start(given->head);
    });
  }

 private:
  Hub& hub_;
  UserId user_;

 public:
  Feed feed;
  std::optional<Result<Subscription>> subscription;
  Seqs seqs;
  std::vector<std::pair<UserId, size_t>> presence;  // with the number of events received before
  int ephemeral = 0, failed = 0, fetched = 0, caught_up = 0, removed = 0;
};

class Socket final : public UserSink {
 public:
  void OnUserEvent(const Event& event) override { events.push_back(event.json); }
  bool OnPresence(const Event& event) override {
    presence.emplace_back(event.json);
    return true;
  }
  std::vector<std::string> presence, events;
  bool Follows(const Uuid&) const override { return false; }
  void OnJoined(const Joined& conversation) override {
    joined.push_back(conversation.created->conversation);
  }
  std::vector<Uuid> joined;
};

class HubTest : public testing::Test {
 protected:
  static constexpr unsigned kShards = 3;

  explicit HubTest(const HomeOptions& options = {.shards = kShards}) {
    for (unsigned i = 0; i < kShards; ++i) {
      shards_.push_back(std::make_unique<StepExecutor>());
      hubs_.push_back(std::make_unique<Hub>(*shards_[i], i, store_, counters_, options));
    }
    Hub::Connect(hubs_);
    // Enough conversations that every shard is home to some.
    for (uint8_t i = 0; i < 12; ++i) {
      rooms_.push_back(Uuid{{i, 1, 2, 3, 4, 5, 6, 7, i, 9, 10}});
      store_.Put(rooms_.back(), {"ann", "bob"}, 2);
    }
  }
  void Rest() {
    for (bool busy = true; busy;) {
      busy = !store_.idle();
      store_.Run();
      for (const auto& shard : shards_) busy |= shard->Step();
    }
  }
  void Send(unsigned shard, const Uuid& room) {
    NewMessage message{
        .id = Uuid{{0x77, ++made_}}, .conversation_id = room, .sender_id = "ann", .content = "x"};
    hubs_[shard]->Send(std::move(message), [this](Result<StoredMessage> stored) {
      EXPECT_TRUE(stored);
      ++acknowledged_;
    });
  }

  ModelStore store_;
  HubCounters counters_;
  std::vector<std::unique_ptr<StepExecutor>> shards_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::vector<Uuid> rooms_;
  uint8_t made_ = 0;
  int acknowledged_ = 0;
};

TEST_F(HubTest, AMessageReachesTheSubscribersOnEveryShardOnce) {
  for (const Uuid& room : rooms_) {
    std::vector<std::unique_ptr<Listener>> subscribers;
    for (unsigned i = 0; i < 2 * kShards; ++i) {
      subscribers.push_back(std::make_unique<Listener>(*hubs_[i % kShards], room));
      subscribers.back()->Open("bob");
    }
    Rest();
    for (unsigned i = 0; i < kShards; ++i) Send(i, room);
    Rest();
    for (unsigned i = 0; i < 2 * kShards; ++i) {
      EXPECT_EQ(subscribers[i]->seqs, (Seqs{3, 4, 5}));
      hubs_[i % kShards]->Unsubscribe(subscribers[i]->feed);
    }
  }
  EXPECT_EQ(acknowledged_, 12 * static_cast<int>(kShards));
  EXPECT_EQ(hubs_[0]->feed_count(), 0u);
}

TEST_F(HubTest, ABatchOfSubscriptionsLoadsOncePerHome) {
  std::vector<std::unique_ptr<Listener>> subscribers;
  std::vector<Feed*> feeds;
  for (const Uuid& room : rooms_) {
    subscribers.push_back(std::make_unique<Listener>(*hubs_[0], room));
    feeds.push_back(&subscribers.back()->feed);
    feeds.back()->HoldAt(2);
    feeds.back()->member_at = 2;
  }
  const uint64_t before = store_.calls();
  size_t subscribed = 0;
  const auto go = [&](Feed& feed, const Result<Subscription>& subscription) {
    ASSERT_TRUE(subscription);
    ++subscribed;
    feed.Start(subscription->head);
  };
  hubs_[0]->SubscribeAll(feeds, "bob", false, go);
  Rest();
  EXPECT_EQ(subscribed, rooms_.size());
  EXPECT_LE(store_.calls() - before, kShards);
  hubs_[0]->SubscribeAll(feeds, "bob", false, go);  // once more, as after a failure
  Rest();
  EXPECT_EQ(subscribed, 2 * rooms_.size());
  EXPECT_EQ(hubs_[0]->feed_count(), rooms_.size());
  for (const Uuid& room : rooms_) Send(1, room);
  Rest();
  for (const auto& subscriber : subscribers) {
    EXPECT_EQ(subscriber->seqs, (Seqs{3}));
    hubs_[0]->Unsubscribe(subscriber->feed);
    hubs_[0]->Unsubscribe(subscriber->feed);  // which does nothing
  }
  EXPECT_EQ(hubs_[0]->feed_count(), 0u);
}

TEST_F(HubTest, AResultForARemovedFeedIsDropped) {
  auto subscriber = std::make_unique<Listener>(*hubs_[0], rooms_[0]);
  bool answered = false;
  hubs_[0]->Subscribe(subscriber->feed, "ann", false,
                      [&](Feed&, Result<Subscription>) { answered = true; });
  subscriber->feed.Resume(0);
  hubs_[0]->Unsubscribe(subscriber->feed);
  subscriber.reset();
  Rest();
  EXPECT_FALSE(answered);
}

TEST_F(HubTest, ResultsAreNeverDeliveredInsideTheCall) {
  for (unsigned i = 0; i < 4; ++i) {
    Listener subscriber(*hubs_[0], rooms_[i]);
    subscriber.Open("ann");
    Rest();
    bool answered = false;
    hubs_[0]->Read(rooms_[i], 2, [&](Result<PageRef> page) { answered = page.has_value(); });
    EXPECT_FALSE(answered);
    Rest();
    EXPECT_TRUE(answered);
    hubs_[0]->Unsubscribe(subscriber.feed);
  }
}

TEST_F(HubTest, NonMembersGetAnError) {
  Listener subscriber(*hubs_[1], rooms_[0]);
  subscriber.Open("eve");
  Rest();
  ASSERT_TRUE(subscriber.subscription);
  EXPECT_EQ(subscriber.subscription->error().code, ErrorCode::not_participant);
  Send(0, rooms_[0]);
  Rest();
  EXPECT_TRUE(subscriber.seqs.empty());
  hubs_[1]->Unsubscribe(subscriber.feed);
}

TEST_F(HubTest, AFailedFetchIsReportedAndStillCounted) {
  Listener subscriber(*hubs_[1], rooms_[0]);
  subscriber.Open("ann");
  Rest();
  store_.fail_next_changes = 1;
  subscriber.feed.Resume(0);
  Rest();
  EXPECT_EQ(subscriber.failed, 1);
  EXPECT_EQ(subscriber.fetched, 1);
  subscriber.feed.Resume(0);
  Rest();
  EXPECT_EQ(subscriber.seqs, (Seqs{1, 2}));
  EXPECT_EQ(subscriber.caught_up, 1);
  hubs_[1]->Unsubscribe(subscriber.feed);
}

TEST_F(HubTest, TypingReachesOnlyLiveFeeds) {
  Listener live(*hubs_[1], rooms_[0]), held(*hubs_[1], rooms_[0]);
  live.Open("ann");
  hubs_[1]->Subscribe(held.feed, "bob", false, [](Feed&, Result<Subscription>) {});
  Rest();
  hubs_[2]->BroadcastEphemeral(TypingEvent(rooms_[0], "ann", true));
  Rest();
  EXPECT_EQ(live.ephemeral, 1);
  EXPECT_EQ(held.ephemeral, 0);
  hubs_[1]->Unsubscribe(live.feed);
  hubs_[1]->Unsubscribe(held.feed);
}

TEST_F(HubTest, PresenceThatWaitsIsDeliveredAtATickOrBeforeTheNextMessage) {
  Listener subscriber(*hubs_[1], rooms_[0]), later(*hubs_[1], rooms_[0]);
  subscriber.Open("bob");
  Rest();
  const auto change = [&](const UserId& user) {
    hubs_[2]->BroadcastEphemeral(PresenceEvent(rooms_[0], user, true));
    Rest();
  };
  for (size_t i = 0; i < PresenceBatches::kPromptWrites; ++i) change("cho");
  EXPECT_EQ(subscriber.presence.size(), PresenceBatches::kPromptWrites);
  subscriber.presence.clear();
  change("dan");
  change("eve");
  EXPECT_TRUE(subscriber.presence.empty());
  later.Open("ann");  // the greeting reflects those
  Rest();
  hubs_[1]->OnTick(Monotonic{});
  using Presence = std::vector<std::pair<UserId, size_t>>;
  EXPECT_EQ(subscriber.presence, (Presence{{"dan", 0}, {"eve", 0}}));
  EXPECT_TRUE(later.presence.empty());

  for (size_t i = 0; i < PresenceBatches::kPromptWrites / 2; ++i) change("cho");  // to two feeds
  subscriber.presence.clear();
  change("fay");
  Send(0, rooms_[0]);
  Rest();
  EXPECT_EQ(subscriber.presence, (Presence{{"fay", 0}}));
  EXPECT_EQ(subscriber.seqs, Seqs{3});
  EXPECT_EQ(later.presence.back(), (std::pair<UserId, size_t>{"fay", 0}));
  hubs_[1]->Unsubscribe(subscriber.feed);
  hubs_[1]->Unsubscribe(later.feed);
}

struct PresenceParts {
  ManualClock clock_;
  OnlineUsers online_;
};

class HubPresenceTest : protected PresenceParts, public HubTest {
 protected:
  HubPresenceTest() : HubTest({.shards = kShards, .clock = &clock_, .online = &online_}) {}
  const std::vector<bool>& OnlineOf(const Listener& one) {
    return hubs_[1]->OnlineOf(rooms_[0], (*one.subscription)->participants);
  }
};

TEST_F(HubPresenceTest, WhoIsOnlineIsKnownBetweenTicks) {
  using Online = std::vector<bool>;
  Listener bob(*hubs_[1], rooms_[0]);
  bob.Open("bob");
  Rest();
  EXPECT_EQ(OnlineOf(bob), (Online{false, false}));
  hubs_[2]->Connected("ann");
  Rest();
  EXPECT_EQ(OnlineOf(bob), (Online{true, false}));
  EXPECT_EQ(bob.presence.size(), 1u);

  hubs_[1]->Unsubscribe(bob.feed);  // from here on, this shard receives no events of the room
  Rest();
  hubs_[2]->Connected("bob");
  Rest();
  bob.Open("bob");
  Rest();
  EXPECT_EQ(OnlineOf(bob), (Online{true, true}));
  online_.Hide("ann");  // without an event
  hubs_[1]->OnTick(clock_.Steady());
  EXPECT_EQ(OnlineOf(bob), (Online{false, true}));
  hubs_[1]->Unsubscribe(bob.feed);
}

// A new user socket remembers the presence that it has sent, up to a limit.
TEST_F(HubPresenceTest, AUserSocketWithManyContactsReceivesEveryChangeOfThem) {
  std::vector<std::unique_ptr<Listener>> feeds;
  std::vector<UserId> contacts;
  for (uint8_t room = 0; room < 12; ++room) {
    std::vector<UserId> members = {"bob"};
    for (int i = 0; i < 190; ++i) {
      contacts.push_back("user" + std::to_string(room) + "-" + std::to_string(i));
      members.push_back(contacts.back());
    }
    const Uuid id{{0x55, room}};
    store_.Put(id, members);
    feeds.push_back(std::make_unique<Listener>(*hubs_[1], id));
    feeds.back()->Open("bob");
  }
  Socket bob;
  hubs_[1]->AddUser("bob", bob);
  Rest();
  for (const UserId& contact : contacts) hubs_[0]->Connected(contact);
  Rest();
  EXPECT_EQ(bob.presence.size(), contacts.size());
  for (const UserId& contact : {contacts.front(), contacts.back()}) {
    bob.presence.clear();
    hubs_[0]->Disconnected(contact);
    Rest();
    clock_.Advance(std::chrono::milliseconds(2100));
    for (const auto& hub : hubs_) hub->OnTick(clock_.Steady());
    Rest();
    hubs_[0]->Connected(contact);
    Rest();
    EXPECT_EQ(bob.presence,
              (std::vector<std::string>{PresenceEvent(std::nullopt, contact, false)->json,
                                        PresenceEvent(std::nullopt, contact, true)->json}));
  }
  hubs_[1]->RemoveUser("bob", bob);
  for (const auto& feed : feeds) hubs_[1]->Unsubscribe(feed->feed);
}

TEST_F(HubTest, ANewConversationIsAnnouncedToUserSocketsOnEveryShard) {
  Socket ann_here, ann_there, bob, cho;
  hubs_[0]->AddUser("ann", ann_here);
  hubs_[2]->AddUser("ann", ann_there);
  hubs_[1]->AddUser("bob", bob);
  hubs_[1]->AddUser("cho", cho);
  const Conversation made{.id = rooms_[3]};
  hubs_[1]->Announce({"ann", "bob"}, made);
  Rest();
  EXPECT_EQ(ann_here.joined, std::vector<Uuid>{rooms_[3]});
  EXPECT_EQ(ann_there.joined, std::vector<Uuid>{rooms_[3]});
  EXPECT_EQ(bob.joined, std::vector<Uuid>{rooms_[3]});
  EXPECT_TRUE(cho.joined.empty());

  hubs_[0]->RemoveUser("ann", ann_here);
  hubs_[0]->RemoveUser("ann", ann_there);  // never here
  hubs_[1]->Announce({"ann"}, made);
  Rest();
  EXPECT_EQ(ann_here.joined.size(), 1u);
  EXPECT_EQ(ann_there.joined.size(), 2u);
}

TEST_F(HubTest, AnEventForAUserReachesTheUsersSocketsOnEveryShard) {
  Socket here, there, another;
  hubs_[0]->AddUser("ann", here);
  hubs_[2]->AddUser("ann", there);
  hubs_[1]->AddUser("bob", another);
  std::vector<Hub*> hubs;
  for (const auto& hub : hubs_) hubs.push_back(hub.get());
  Hub::SendToUser(
      hubs,
      std::make_shared<const Event>(Event{
          .json = "{}", .audience = Audience::kOneUser, .origin = Origin::kDjango, .user = "ann"}));
  Rest();
  EXPECT_EQ(here.events, std::vector<std::string>{"{}"});
  EXPECT_EQ(there.events, std::vector<std::string>{"{}"});
  EXPECT_TRUE(another.events.empty());
}

TEST_F(HubTest, ClosingOneSocketOfAUserKeepsTheOther) {
  Socket first, second;
  hubs_[0]->AddUser("ann", first);
  hubs_[0]->AddUser("ann", second);
  hubs_[0]->RemoveUser("ann", first);
  hubs_[0]->Announce({"ann"}, {.id = rooms_[0]});
  Rest();
  EXPECT_TRUE(first.joined.empty());
  EXPECT_EQ(second.joined.size(), 1u);
}

TEST_F(HubTest, EventsOfABatchArePostedOnce) {
  for (unsigned home = 0; home < 3; ++home) {
    const Uuid& room = rooms_[home];
    Listener subscriber(*hubs_[0], room);
    subscriber.Open("bob");
    Rest();
    for (int i = 0; i < 10; ++i) Send(0, room);
    for (const auto& shard : shards_) shard->Run();
    store_.Happen();
    store_.AnswerAll();
    size_t before = 0, after = 0;
    for (const auto& shard : shards_) before += shard->posted();
    Rest();
    for (const auto& shard : shards_) after += shard->posted();
    EXPECT_EQ(after - before, 12u);  // ten acks, the flush, and the batch
    EXPECT_EQ(subscriber.seqs.size(), 10u);
    hubs_[0]->Unsubscribe(subscriber.feed);
    Rest();
  }
}

}  // namespace
}  // namespace parley

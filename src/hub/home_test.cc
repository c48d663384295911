#include "hub/home.h"

#include <gtest/gtest.h>

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

const Uuid kRoom{{0x11}};

class HomeTest : public testing::Test, protected HomeSink {
 protected:
  void Deliver(unsigned shard, std::vector<EventRef> events) override {
    for (const EventRef& event : events) {
      if (event->rewind_to >= 0) rewound_.push_back(event->rewind_to);
      if (event->rewind_to < 0) delivered_[shard].push_back(event->seq);
    }
  }

  // Runs until no call is in flight.
  void Rest() {
    while (!store_.idle() || !executor_.idle()) {
      store_.Run();
      executor_.Run();
    }
  }

  Result<Subscription> Subscribe(const UserId& user, unsigned shard = 0, bool trusted = false) {
    Result<Subscription> answer = Fail(ErrorCode::internal, "No answer came.");
    home_.Subscribe(kRoom, user, trusted, shard,
                    [&](Result<Subscription> given) { answer = std::move(given); });
    Rest();
    return answer;
  }

  NewMessage MakeMessage(const UserId& sender = "ann", const char* client_id = nullptr) {
    NewMessage message{.id = Uuid{{0x77, ++made_}},
                       .conversation_id = kRoom,
                       .sender_id = sender,
                       .content = "hello"};
    if (client_id != nullptr) message.client_id = client_id;
    return message;
  }
  void StartSend(NewMessage message) {
    home_.Send(std::move(message),
               [this](Result<StoredMessage> stored) { sent_.push_back(std::move(stored)); });
  }
  // The second of two messages is answered first, and the read of what is before it fails; the first
  // one's answer still waits.
  void FailToFillAGap() {
    store_.Put(kRoom, {"ann"});
    ASSERT_TRUE(Subscribe("ann"));
    StartSend(MakeMessage());
    StartSend(MakeMessage());
    store_.Happen();
    store_.AnswerAt(1);
    store_.fail_next_changes = 1;
    executor_.Run();
    store_.Happen();
    store_.AnswerAt(1);
    executor_.Run();
  }
  void Apply(ChangeVerb verb) {
    home_.Apply({.conversation = kRoom, .actor = "ann", .verb = std::move(verb)},
                [](Result<AppliedChange> applied) { EXPECT_TRUE(applied); });
  }
  Result<StoredMessage> Send(NewMessage message) {
    StartSend(std::move(message));
    Rest();
    return sent_.back();
  }

  Result<PageRef> Read(int64_t since, const Uuid& conversation = kRoom) {
    Result<PageRef> answer = Fail(ErrorCode::internal, "No answer came.");
    home_.Read(conversation, since, [&](Result<PageRef> given) { answer = std::move(given); });
    Rest();
    return answer;
  }
  static Seqs SeqsOf(const Page& page) {
    Seqs out;
    for (const EventRef& event : page.events) out.push_back(event->seq);
    return out;
  }

  StepExecutor executor_;
  ModelStore store_;
  HubCounters counters_;
  Home home_{executor_, store_, *this, counters_, {.shards = 3, .live_participants = 3}};
  std::vector<Seqs> delivered_ = std::vector<Seqs>(3);
  std::vector<Result<StoredMessage>> sent_;
  Seqs rewound_;
  uint8_t made_ = 0;
};

// --- subscriptions

TEST_F(HomeTest, SubscribingReturnsTheHeadToAParticipant) {
  store_.Put(kRoom, {"ann", "bob"}, 4);
  const auto subscription = Subscribe("bob");
  ASSERT_TRUE(subscription);
  EXPECT_EQ(subscription->head, 4);
  EXPECT_EQ(subscription->participant_count, 2);
  EXPECT_EQ(subscription->participants, (std::vector<UserId>{"ann", "bob"}));
}

TEST_F(HomeTest, NonMembersAndMissingConversationsGetTheSameError) {
  store_.Put(kRoom, {"ann"});
  EXPECT_EQ(Subscribe("eve").error().code, ErrorCode::not_participant);
  const Uuid nowhere{{0x99}};
  home_.Subscribe(nowhere, "ann", false, 0, [](Result<Subscription> given) {
    EXPECT_EQ(given.error().code, ErrorCode::not_participant);
  });
  Rest();
}

TEST_F(HomeTest, LargeConversationsQueryTheStoreOncePerMember) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"}, 1);
  const auto subscription = Subscribe("dan");
  ASSERT_TRUE(subscription);
  EXPECT_TRUE(subscription->participants.empty());
  EXPECT_EQ(subscription->participant_count, 4);
  EXPECT_EQ(Subscribe("eve").error().code, ErrorCode::not_participant);
  home_.Subscribe(kRoom, "dan", false, 0, [](Result<Subscription> given) { EXPECT_TRUE(given); });
  EXPECT_TRUE(store_.idle());
}

TEST_F(HomeTest, ServicesSubscribeWithoutAMembershipQuery) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  EXPECT_TRUE(Subscribe("dan", 0, true));
}

TEST_F(HomeTest, AnUnavailableStoreFailsTheSubscriptionAndIsRetried) {
  store_.Put(kRoom, {"ann"});
  store_.faults.unavailable_one_in = 1;
  EXPECT_EQ(Subscribe("ann").error().code, ErrorCode::store_unavailable);
  EXPECT_EQ(Send(MakeMessage()).error().code, ErrorCode::store_unavailable);
  EXPECT_EQ(Read(0).error().code, ErrorCode::store_unavailable);
  store_.faults.unavailable_one_in = 0;
  EXPECT_TRUE(Subscribe("ann"));
}

// --- events

TEST_F(HomeTest, EventsAreBroadcastAfterTheirCommitAndToSubscribedShardsOnly) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann", 0));
  ASSERT_TRUE(Subscribe("ann", 2));
  StartSend(MakeMessage());
  executor_.Run();
  EXPECT_TRUE(delivered_[0].empty());
  Rest();
  EXPECT_EQ(delivered_, (std::vector<Seqs>{{1}, {}, {1}}));
  home_.Unsubscribe(kRoom, 2);
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(delivered_, (std::vector<Seqs>{{1, 2}, {}, {1}}));
}

TEST_F(HomeTest, DuplicatesReturnTheFirstMessageAndAreNotBroadcast) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  const auto first = Send(MakeMessage("ann", "c1"));
  const auto again = Send(MakeMessage("ann", "c1"));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->message.id, first->message.id);
  EXPECT_EQ(delivered_[0], Seqs{1});
  EXPECT_EQ(counters_.messages.value(), 1u);
  EXPECT_EQ(counters_.duplicates.value(), 1u);
}

TEST_F(HomeTest, ARetryAfterAnUnknownOutcomeBroadcastsTheMessage) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  store_.faults.unknown_one_in = 1;
  EXPECT_EQ(Send(MakeMessage("ann", "c1")).error().code, ErrorCode::outcome_unknown);
  EXPECT_TRUE(delivered_[0].empty());
  store_.faults.unknown_one_in = 0;
  const auto again = Send(MakeMessage("ann", "c1"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message.seq, 1);
  EXPECT_EQ(delivered_[0], Seqs{1});
}

TEST_F(HomeTest, AMessageStoredWithAnUnknownOutcomeIsBroadcastBeforeTheNextEvent) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  store_.faults.unknown_one_in = 1;
  Send(MakeMessage());
  store_.faults.unknown_one_in = 0;
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
}

TEST_F(HomeTest, NonMembersAreRejectedWithoutAStoreCall) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  StartSend(MakeMessage("eve"));
  EXPECT_TRUE(store_.idle());
  EXPECT_EQ(sent_.back().error().code, ErrorCode::not_participant);
  NewMessage notice = MakeMessage("eve");
  notice.as_service = true;
  EXPECT_TRUE(Send(std::move(notice)));
}

TEST_F(HomeTest, CommitsReportedOutOfOrderAreBroadcastInOrder) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 4; ++i) StartSend(MakeMessage());
  store_.Happen();
  for (const size_t place : {2u, 0u, 1u, 0u}) store_.AnswerAt(place);  // 3, 1, 4, 2
  Rest();
  EXPECT_EQ(delivered_[0], (Seqs{1, 2, 3, 4}));
}

TEST_F(HomeTest, AGapOfDeletedEventsIsSkipped) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 3; ++i) StartSend(MakeMessage());
  store_.Happen();
  store_.Drop(kRoom, 1);
  store_.Drop(kRoom, 2);
  store_.AnswerAt(2);
  executor_.Run();
  store_.Happen();
  store_.AnswerAt(2);  // the read that fills the gap; two answers still wait
  executor_.Run();
  EXPECT_EQ(delivered_[0], Seqs{3});
  Rest();
  EXPECT_EQ(delivered_[0], Seqs{3});
}

TEST_F(HomeTest, AFailedGapFillIsRetriedWithTheNextEvent) {
  FailToFillAGap();
  EXPECT_TRUE(delivered_[0].empty());
  Rest();
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
}

TEST_F(HomeTest, TypingIsForConversationsSmallEnoughThatAreInMemory) {
  home_.BroadcastEphemeral(TypingEvent(kRoom, "ann", true));
  store_.Put(kRoom, {"ann", "bob", "cho"});
  ASSERT_TRUE(Subscribe("ann"));
  home_.BroadcastEphemeral(TypingEvent(kRoom, "ann", true));
  Rest();
  EXPECT_EQ(delivered_[0], Seqs{0});

  const Uuid large{{0x22}};
  store_.Put(large, {"ann", "bob", "cho", "dan"});
  home_.Subscribe(large, "ann", false, 0, [](Result<Subscription> given) { EXPECT_TRUE(given); });
  Rest();
  home_.BroadcastEphemeral(TypingEvent(large, "ann", true));
  Rest();
  EXPECT_EQ(delivered_[0], Seqs{0});
}

TEST_F(HomeTest, AFailedGapFillIsRetriedAfterABackoff) {
  FailToFillAGap();
  home_.OnTick(Monotonic{} + std::chrono::seconds(1));
  store_.Happen();
  store_.AnswerAt(1);
  executor_.Run();
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
}

// --- a store that moved back

TEST_F(HomeTest, ALocalCommitBelowTheHeadRewindsLostEvents) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Send(MakeMessage()));
  store_.GoBack(2, false);
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(rewound_, Seqs{2});
  EXPECT_EQ(delivered_[0], (Seqs{1, 2, 3, 4, 3}));
  const auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_EQ(SeqsOf(**page), (Seqs{1, 2, 3}));
  EXPECT_EQ((*page)->events.back()->json, store_.FrameAt(kRoom, 3));
  EXPECT_EQ(counters_.rewinds.value(), 1u);
}

TEST_F(HomeTest, AnEpochChangeWithoutLossRewindsNothing) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  ASSERT_TRUE(Send(MakeMessage()));
  store_.GoBack(0, true);
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(rewound_, Seqs{1}) << "where the head was: only listeners beyond it are set back";
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
  EXPECT_EQ(counters_.rewinds.value(), 0u);
}

TEST_F(HomeTest, ReadingARewoundStoreDoesNotLoop) {
  store_.Put(kRoom, {"ann"}, 6);
  ASSERT_TRUE(Subscribe("ann"));
  store_.GoBack(3, false);
  const uint64_t reads = counters_.store_reads.value();
  EXPECT_EQ(Read(5).error().code, ErrorCode::store_unavailable);
  EXPECT_LE(counters_.store_reads.value(), reads + 2);
  EXPECT_EQ(rewound_.size(), 1u);
  const auto page = Read(5);
  ASSERT_TRUE(page);
  EXPECT_TRUE((*page)->reset);
  EXPECT_EQ((*page)->head, 3);
}

// A page may be further than the head, and so are those who read it.
TEST_F(HomeTest, EventsOfAPageBeyondTheHeadAreRewoundToo) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Send(MakeMessage()));
  store_.faults.unknown_one_in = 1;
  Send(MakeMessage());
  store_.faults.unknown_one_in = 0;
  const auto page = Read(4);  // of a client that knows it
  ASSERT_TRUE(page);
  EXPECT_FALSE((*page)->reset);
  EXPECT_EQ((*page)->head, 3);
  store_.GoBack(1, false);
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(rewound_, Seqs{3});
  EXPECT_EQ(delivered_[0], (Seqs{1, 2, 3, 4}));
}

TEST_F(HomeTest, AResultOlderThanALaterEventRewindsNothing) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 3; ++i) StartSend(MakeMessage());
  store_.Happen();
  store_.AnswerAt(2);  // the gap before it is filled from the store
  executor_.Run();
  store_.Happen();
  store_.AnswerAt(2);
  executor_.Run();
  Rest();  // the other answers
  EXPECT_EQ(delivered_[0], (Seqs{1, 2, 3}));
  EXPECT_EQ(rewound_, Seqs{});
}

// --- members

// Delivery does not depend on the members.
TEST_F(HomeTest, AFailedReadOfTheMembersKeepsTheSubscribers) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  ASSERT_TRUE(Subscribe("ann"));
  Apply(RemoveParticipant{"dan"});  // few enough now to know them all
  store_.Happen();
  store_.faults.unavailable_one_in = 1;
  Rest();
  store_.faults.unavailable_one_in = 0;
  ASSERT_TRUE(Send(MakeMessage()));
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
}

TEST_F(HomeTest, AFailedReadOfTheMembersIsRetried) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  ASSERT_TRUE(Subscribe("ann"));
  Apply(RemoveParticipant{"dan"});
  store_.Happen();
  store_.faults.unavailable_one_in = 1;
  Rest();
  store_.faults.unavailable_one_in = 0;
  for (int i = 1; i < 5; ++i) home_.OnTick(Monotonic{} + std::chrono::seconds(i));
  Rest();
  StartSend(MakeMessage("dan"));
  EXPECT_TRUE(store_.idle()) << "dan is known to be no participant";
  EXPECT_EQ(sent_.back().error().code, ErrorCode::not_participant);
}

// Events read from the store do not name the removed user.
TEST_F(HomeTest, ARemovalFirstReadFromTheStoreEndsTheSubscription) {
  store_.Put(kRoom, {"ann", "bob"});
  ASSERT_TRUE(Subscribe("bob"));
  Apply(RemoveParticipant{"bob"});
  StartSend(MakeMessage());
  store_.Happen();
  store_.AnswerAt(1);  // the message: what is before it is read
  executor_.Run();
  store_.Happen();
  store_.AnswerAt(1);
  executor_.Run();
  EXPECT_EQ(delivered_[0], (Seqs{1, 2}));
  Rest();
  EXPECT_EQ(delivered_[0], (Seqs{1, 2, 0}));
}

TEST_F(HomeTest, ARemovalReceivedOutOfOrderEndsTheSubscription) {
  store_.Put(kRoom, {"ann", "bob"});
  ASSERT_TRUE(Subscribe("bob"));
  StartSend(MakeMessage());
  Apply(RemoveParticipant{"bob"});
  StartSend(MakeMessage());
  store_.Happen();
  store_.AnswerAt(1);  // the removal waits for what is before it
  executor_.Run();
  store_.Drop(kRoom, 2);
  store_.Happen();
  store_.AnswerAt(2);  // the read
  executor_.Run();
  Rest();
  home_.RetryRemovals();
  Rest();
  EXPECT_EQ(delivered_[0], (Seqs{1, 3, 0}));
}

// --- pages

TEST_F(HomeTest, PagesInTheTailAreServedWithoutTheStore) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Send(MakeMessage()));
  const auto reads = counters_.store_reads.value();
  const auto page = Read(1);
  ASSERT_TRUE(page);
  EXPECT_EQ(SeqsOf(**page), (Seqs{2, 3}));
  EXPECT_EQ((*page)->through, 3);
  EXPECT_EQ((*page)->head, 3);
  const auto nothing = Read(3);
  ASSERT_TRUE(nothing);
  EXPECT_TRUE((*nothing)->events.empty());
  EXPECT_EQ((*nothing)->through, 3);
  EXPECT_EQ(counters_.store_reads.value(), reads);
}

TEST_F(HomeTest, OlderPagesAreReadFromTheStoreOnceForAllReaders) {
  store_.Put(kRoom, {"ann"}, 5);
  ASSERT_TRUE(Subscribe("ann"));
  std::vector<PageRef> pages;
  for (int i = 0; i < 10; ++i) {
    home_.Read(kRoom, 2, [&](Result<PageRef> page) { pages.push_back(*page); });
  }
  EXPECT_EQ(store_.waiting(), 1u);
  Rest();
  ASSERT_EQ(pages.size(), 10u);
  EXPECT_EQ(SeqsOf(*pages[0]), (Seqs{3, 4, 5}));
  EXPECT_EQ(pages[0], pages[9]);
  EXPECT_EQ(counters_.store_reads.value(), 1u);
}

TEST_F(HomeTest, PagesAreBoundedAndStateTheirLastSeq) {
  store_.Put(kRoom, {"ann"}, 300);
  auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_LT((*page)->events.size(), 300u);
  EXPECT_EQ((*page)->through, (*page)->events.back()->seq);
  EXPECT_EQ((*page)->head, 300);
  int64_t since = 0;
  for (int pages = 0; since < 300 && pages < 50; ++pages) {
    page = Read(since);
    ASSERT_TRUE(page);
    EXPECT_EQ((*page)->events.front()->seq, since + 1);
    since = (*page)->through;
  }
  EXPECT_EQ(since, 300);
}

TEST_F(HomeTest, PagesAreBoundedInBytes) {
  store_.Put(kRoom, {"ann"}, 10, 30 * 1024);
  const auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_LE((*page)->events.size(), 4u);
  EXPECT_EQ((*page)->through, (*page)->events.back()->seq);
}

TEST_F(HomeTest, DeletedEventsAtTheEndOfAPageReachTheHead) {
  store_.Put(kRoom, {"ann"}, 5);
  for (const int64_t seq : {2, 4, 5}) store_.Drop(kRoom, seq);
  const auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_EQ(SeqsOf(**page), (Seqs{1, 3}));
  EXPECT_EQ((*page)->through, 5);
  EXPECT_FALSE((*page)->reset);
}

TEST_F(HomeTest, OnlyPositionsBeyondTheHeadAreReset) {
  store_.Put(kRoom, {"ann"}, 5);
  for (const int64_t since : {int64_t{6}, int64_t{10}, kBeyondEveryHead}) {
    const auto page = Read(since);
    ASSERT_TRUE(page);
    EXPECT_TRUE((*page)->reset);
    EXPECT_EQ((*page)->head, 5);
    EXPECT_EQ((*page)->through, 5);
    EXPECT_TRUE((*page)->events.empty());
  }
  EXPECT_FALSE((*Read(5))->reset);
}

// A page's snapshot may be older than the head that home knows when it comes: what was committed
// between the two is neither in the page nor gone.
TEST_F(HomeTest, AnOldSnapshotDoesNotReportNewEventsAsDeleted) {
  store_.Put(kRoom, {"ann"}, 3);
  ASSERT_TRUE(Subscribe("ann"));
  PageRef page;
  home_.Read(kRoom, 0, [&](Result<PageRef> given) { page = *given; });
  store_.Happen();  // the snapshot
  StartSend(MakeMessage());
  store_.Happen();
  store_.AnswerAt(1);  // the commit is known first
  executor_.Run();
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(SeqsOf(*page), (Seqs{1, 2, 3}));
  EXPECT_EQ(page->through, 3);
  EXPECT_EQ(page->head, 4);
}

TEST_F(HomeTest, AFailedReadFailsForEveryWaitingReader) {
  store_.Put(kRoom, {"ann"}, 5);
  ASSERT_TRUE(Subscribe("ann"));
  store_.fail_next_changes = 1;
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    home_.Read(kRoom, 0, [&](Result<PageRef> page) {
      failed += !page && page.error().code == ErrorCode::store_unavailable;
    });
  }
  Rest();
  EXPECT_EQ(failed, 3);
  EXPECT_TRUE(Read(0));
  EXPECT_EQ(Read(0, Uuid{{0x99}}).error().code, ErrorCode::not_found);
}

// --- other nodes

class SilentPublisher final : public EventTap, public FollowSink {
 public:
  void Follow(const Uuid&) override {}
  void Leave(const Uuid&) override {}
  void OnEvent(const EventRef& event, const MemberChange&, uint64_t) override {
    published.push_back(event->seq);
  }
  void OnTyping(const TypingUpdate&) override {}
  Seqs published;
};

class HomeWithOtherNodesTest : public HomeTest {
 protected:
  Result<Subscription> SubscribeHere(const UserId& user) {
    Result<Subscription> answer = Fail(ErrorCode::internal, "No answer came.");
    shared_.Subscribe(kRoom, user, false, 0, [&](Result<Subscription> given) { answer = given; });
    Rest();
    return answer;
  }
  static RemoteEvent Joined(const UserId& user, int64_t seq) {
    return {std::make_shared<const Event>(Event{.conversation = kRoom, .seq = seq, .json = "{}"}),
            {.added = user, .removed = {}, .participant_count = 3}};
  }
  SilentPublisher publisher_;
  Home shared_{executor_,
               store_,
               *this,
               counters_,
               {.shards = 1,
                .live_participants = 3,
                .other_writers = true,
                .follow_sinks = {&publisher_},
                .taps = {&publisher_}}};
};

TEST_F(HomeWithOtherNodesTest, AnOutdatedMemberChangeDoesNotOverwriteALaterRead) {
  store_.Put(kRoom, {"ann", "bob"}, 2);
  ASSERT_TRUE(SubscribeHere("ann"));
  shared_.IngestRemote(Joined("eve", 1));  // eve was removed by 2, which the read had in it
  Rest();
  EXPECT_EQ(SubscribeHere("eve").error().code, ErrorCode::not_participant);
}

TEST_F(HomeWithOtherNodesTest, APageReportsTheStoreHeadIfTheCacheIsBehind) {
  store_.Put(kRoom, {"ann"}, 2);
  ASSERT_TRUE(SubscribeHere("ann"));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Send(MakeMessage()));  // on another node
  PageRef page;
  shared_.Read(kRoom, 0, [&](Result<PageRef> given) { page = *given; });
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_LT(page->through, page->newest) << "there is more";
  EXPECT_EQ(page->newest, 202);
  EXPECT_EQ(page->head, 2) << "from there on, events come live";
}

TEST_F(HomeWithOtherNodesTest, EphemeralEventsOfLargeConversationsAreNotPublished) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  shared_.BroadcastEphemeral(ReadReceiptEvent(kRoom, "ann", {}, 1));
  EXPECT_EQ(publisher_.published.size(), 1u) << "it may be small elsewhere";
  ASSERT_TRUE(SubscribeHere("ann"));
  shared_.BroadcastEphemeral(ReadReceiptEvent(kRoom, "ann", {}, 1));
  EXPECT_EQ(publisher_.published.size(), 1u);
}

// --- memory

class SmallHomeTest : public HomeTest {
 protected:
  Home small_{executor_,
              store_,
              *this,
              counters_,
              {.shards = 3, .live_participants = 3, .idle_conversations = 2, .tail_bytes = 2000}};
  void SubscribeTo(const Uuid& conversation) {
    small_.Subscribe(conversation, "ann", false, 0, [](Result<Subscription> a) { EXPECT_TRUE(a); });
    Rest();
  }
};

TEST_F(SmallHomeTest, OnlyConversationsWithoutSubscribersAreEvicted) {
  for (uint8_t i = 1; i <= 9; ++i) store_.Put(Uuid{{i}}, {"ann"}, i);
  SubscribeTo(Uuid{{1}});
  for (uint8_t i = 2; i <= 9; ++i) {
    SubscribeTo(Uuid{{i}});
    small_.Unsubscribe(Uuid{{i}}, 0);
  }
  // A cached conversation is answered without the store.
  small_.Subscribe(Uuid{{1}}, "ann", false, 0, [](Result<Subscription> a) { EXPECT_TRUE(a); });
  EXPECT_TRUE(store_.idle());
  small_.Subscribe(Uuid{{2}}, "ann", false, 0,
                   [](Result<Subscription> a) { EXPECT_EQ(a->head, 2); });
  EXPECT_FALSE(store_.idle());
  Rest();
}

// Proves: P6 bounded memory
TEST_F(SmallHomeTest, IdleConversationsWithSubscribersDoNotBlockEviction) {
  for (uint8_t i = 1; i <= 60; ++i) store_.Put(Uuid{{i}}, {"ann"});
  for (uint8_t i = 1; i <= 20; ++i) SubscribeTo(Uuid{{i}});
  for (uint8_t i = 21; i <= 60; ++i) {
    SubscribeTo(Uuid{{i}});
    small_.Unsubscribe(Uuid{{i}}, 0);
  }
  EXPECT_EQ(counters_.rooms.value(), 20 + 2);
  EXPECT_EQ(counters_.rooms_idle.value(), 2);
}

// Proves: P6 bounded memory
TEST_F(SmallHomeTest, TailsOfConversationsInUseAreBoundedTogether) {
  for (uint8_t i = 1; i <= 60; ++i) {
    store_.Put(Uuid{{i}}, {"ann"});
    SubscribeTo(Uuid{{i}});
  }
  for (uint8_t i = 1; i <= 60; ++i) {
    NewMessage message = MakeMessage();
    message.conversation_id = Uuid{{i}};
    small_.Send(std::move(message), [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
    Rest();
    EXPECT_LE(counters_.tail_bytes.value(), 2000);
  }
  EXPECT_GT(counters_.tail_bytes.value(), 0);
}

TEST_F(SmallHomeTest, TailsBeyondTheTotalLimitAreEvictedWithoutLoss) {
  for (uint8_t i = 1; i <= 9; ++i) {
    store_.Put(Uuid{{i}}, {"ann"});
    SubscribeTo(Uuid{{i}});
    for (int n = 0; n < 3; ++n) {
      NewMessage message = MakeMessage();
      message.conversation_id = Uuid{{i}};
      small_.Send(std::move(message), [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
      Rest();
    }
  }
  const auto reads = counters_.store_reads.value();
  PageRef page;
  small_.Read(Uuid{{1}}, 0, [&](Result<PageRef> given) { page = *given; });
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(SeqsOf(*page), (Seqs{1, 2, 3}));
  EXPECT_EQ(counters_.store_reads.value(), reads + 1);
}

}  // namespace
}  // namespace parley

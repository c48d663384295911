// Subscriptions and events.
#include "test/support/home_fixture.h"

namespace parley {
namespace {

using test::HomeTest;
using test::kRoom;
using test::Seqs;

// --- subscriptions

TEST_F(HomeTest, SubscribingReturnsTheHeadToAParticipant) {
  store_.Put(kRoom, {"ann", "bob"}, 4);
  const auto subscription = Subscribe("bob");
  ASSERT_TRUE(subscription);
  EXPECT_EQ(subscription->head, 4);
  EXPECT_EQ(subscription->participant_count, 2);
  EXPECT_EQ(*subscription->participants, (std::vector<UserId>{"ann", "bob"}));
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
  EXPECT_TRUE(subscription->participants->empty());
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

}  // namespace
}  // namespace parley

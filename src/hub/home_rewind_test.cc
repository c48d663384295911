// A store that moved back, and members that cannot be read.
#include "test/support/home_fixture.h"

namespace parley {
namespace {

using test::HomeTest;
using test::kRoom;
using test::Seqs;

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

}  // namespace
}  // namespace parley

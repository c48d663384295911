#include "store/delivered_buffer.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

DeliveredBuffer::Run Seqs(int64_t first, int64_t last, uint8_t conversation = 1) {
  DeliveredBuffer::Run run{.first = first, .last = last, .at = {first}};
  run.conversation.bytes[0] = conversation;
  return run;
}

TEST(DeliveredBufferTest, ConsecutiveMessagesOfAConversationAreOneRun) {
  DeliveredBuffer buffer;
  EXPECT_TRUE(buffer.Note(Seqs(1, 2))) << "it was empty";
  EXPECT_FALSE(buffer.Note(Seqs(3, 3)));
  EXPECT_FALSE(buffer.Note(Seqs(9, 9, 2)));
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].last, 3);
  EXPECT_EQ(taken[0].at.micros, 3) << "no message was delivered before it was sent";
}

TEST(DeliveredBufferTest, RedeliveredMessagesKeepTheirFirstTime) {
  DeliveredBuffer buffer;
  buffer.Note(Seqs(1, 4));
  buffer.Note({.conversation = Seqs(1, 4).conversation, .first = 2, .last = 4, .at = {99}});
  EXPECT_EQ(buffer.Take(10).at(0).at.micros, 1);
}

// Proves: positions
TEST(DeliveredBufferTest, UnwrittenRunsAreTakenAgain) {
  DeliveredBuffer buffer;
  buffer.Note(Seqs(1, 4));
  ASSERT_EQ(buffer.Take(10).size(), 1u);
  buffer.Note(Seqs(7, 7));
  buffer.Settle(false);
  EXPECT_EQ(buffer.Take(10).size(), 2u);
  buffer.Settle(true);
  EXPECT_TRUE(buffer.Take(10).empty());
  buffer.Settle(false);
  EXPECT_TRUE(buffer.Take(10).empty()) << "written runs are not written again";
}

TEST(DeliveredBufferTest, UnwrittenRunsStayWithinTheBound) {
  DeliveredBuffer buffer;
  for (int64_t seq = 0; seq < 100; ++seq) buffer.Note(Seqs(2 * seq, 2 * seq));
  ASSERT_EQ(buffer.Take(100).size(), 100u);
  for (size_t seq = 0; seq < DeliveredBuffer::kMaxRuns; ++seq) {
    buffer.Note(Seqs(static_cast<int64_t>(2 * seq), static_cast<int64_t>(2 * seq)));
  }
  buffer.Settle(false);
  EXPECT_EQ(buffer.dropped(), 100u);
  EXPECT_EQ(buffer.Take(2 * DeliveredBuffer::kMaxRuns).size(), DeliveredBuffer::kMaxRuns);
}

TEST(DeliveredBufferTest, MessagesNewestFirstAreOneRun) {
  DeliveredBuffer buffer;
  for (int64_t seq = 50; seq > 0; --seq) buffer.Note(Seqs(seq, seq));
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].first, 1);
  EXPECT_EQ(taken[0].last, 50);
}

TEST(DeliveredBufferTest, AConversationWhoseRunWasDroppedIsAcceptedLater) {
  DeliveredBuffer buffer;
  for (size_t seq = 0; seq < DeliveredBuffer::kMaxRuns; ++seq) {
    buffer.Note(Seqs(static_cast<int64_t>(2 * seq), static_cast<int64_t>(2 * seq)));
  }
  buffer.Note(Seqs(1, 1, 2));
  buffer.Note(Seqs(2, 2, 2));
  EXPECT_EQ(buffer.dropped(), 2u);
  buffer.Take(DeliveredBuffer::kMaxRuns);
  buffer.Settle(true);
  buffer.Note(Seqs(3, 3, 2));
  EXPECT_EQ(buffer.Take(10).size(), 1u);
}

}  // namespace
}  // namespace parley

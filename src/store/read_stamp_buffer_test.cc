#include "store/read_stamp_buffer.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

ReadRange Range(int64_t after, int64_t last, uint8_t conversation = 1) {
  ReadRange range{.reader = "ann", .after = after, .last = last, .at = {1}};
  range.conversation.bytes[0] = conversation;
  return range;
}

TEST(ReadStampBufferTest, ALongRangeIsTakenInPiecesNewestFirst) {
  ReadStampBuffer buffer;
  buffer.Note(Range(0, 1200));
  std::vector<std::pair<int64_t, int64_t>> pieces;
  while (buffer.queued() > 0) {
    for (const ReadRange& range : buffer.Take(10, 1000))
      pieces.emplace_back(range.after, range.last);
    buffer.Settle(true);
  }
  EXPECT_EQ(pieces, (std::vector<std::pair<int64_t, int64_t>>{{200, 700}, {700, 1200}, {0, 200}}))
      << "each message once";
}

TEST(ReadStampBufferTest, ConsecutiveMarksOfAReaderAreOneRange) {
  ReadStampBuffer buffer;
  for (int64_t seq = 0; seq < 100; ++seq) {
    ReadRange range = Range(seq, seq + 1);
    range.at = {seq};
    buffer.Note(range);
    range.reader = "bob";
    buffer.Note(range);
    buffer.Note(Range(2 * seq, 2 * seq + 1, 2));  // with gaps
  }
  EXPECT_EQ(buffer.queued(), 102u);
  const auto taken = buffer.Take(2, 1000);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].after, 0);
  EXPECT_EQ(taken[0].last, 100);
  EXPECT_EQ(taken[0].at.micros, 99) << "no message was read before it was sent";
  buffer.Note(Range(100, 101));
  EXPECT_EQ(buffer.queued(), 101u) << "taken ranges are not changed";
}

TEST(ReadStampBufferTest, AShortRangeDoesNotWaitForALongOne) {
  ReadStampBuffer buffer;
  buffer.Note(Range(0, 1'000'000));
  buffer.Note(Range(0, 3, 2));
  const auto taken = buffer.Take(10, 1000);
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken.back().last, 3);
  int64_t messages = 0;
  for (const ReadRange& range : taken) messages += range.last - range.after;
  EXPECT_EQ(messages, 1000);
}

TEST(ReadStampBufferTest, UnwrittenRangesAreTakenAgain) {
  ReadStampBuffer buffer;
  buffer.Note(Range(0, 5));
  ASSERT_EQ(buffer.Take(10, 100).size(), 1u);
  EXPECT_EQ(buffer.queued(), 0u);
  buffer.Settle(false);
  const auto taken = buffer.Take(10, 100);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].last, 5);
}

TEST(ReadStampBufferTest, ARangeWithLockedRowsIsRetriedAlone) {
  ReadStampBuffer buffer;
  buffer.Note(Range(0, 5));
  buffer.Note(Range(0, 7, 2));
  const auto taken = buffer.Take(10, 100);
  ASSERT_EQ(taken.size(), 2u);
  buffer.Keep(taken[1]);
  EXPECT_TRUE(buffer.Settle(true)) << "the kept range needs another write";
  const auto again = buffer.Take(10, 100);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].last, 7);
  EXPECT_FALSE(buffer.Settle(true));
  EXPECT_EQ(buffer.queued(), 0u);
}

TEST(ReadStampBufferTest, TheBufferIsBoundedAndCountsDrops) {
  ReadStampBuffer buffer;
  for (size_t i = 0; i < ReadStampBuffer::kMaxRanges + 3; ++i) {
    buffer.Note(Range(2 * static_cast<int64_t>(i), 2 * static_cast<int64_t>(i) + 1));
  }
  EXPECT_EQ(buffer.queued(), ReadStampBuffer::kMaxRanges);
  EXPECT_EQ(buffer.dropped(), 3u);
}

}  // namespace
}  // namespace parley

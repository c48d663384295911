#include "loadgen/sequence_tracker.h"

#include <gtest/gtest.h>

namespace parley::loadgen {
namespace {

TEST(SequenceTrackerTest, CountsWhatIsLostInTheMiddleAndAtTheEnd) {
  SequenceTracker tracker;
  EXPECT_EQ(tracker.Observe(0), Arrival::kInOrder);
  EXPECT_EQ(tracker.Observe(3), Arrival::kAfterGap);
  EXPECT_EQ(tracker.missing(), 2U);
  EXPECT_EQ(tracker.Lost(4), 2U);
  EXPECT_EQ(tracker.Lost(10), 8U);
}

TEST(SequenceTrackerTest, ALateNumberIsReorderedOnceAndThenRepeated) {
  SequenceTracker tracker(5);
  tracker.Observe(6);
  EXPECT_EQ(tracker.Observe(5), Arrival::kReordered);
  EXPECT_EQ(tracker.Observe(5), Arrival::kRepeated);
  EXPECT_EQ(tracker.Observe(6), Arrival::kRepeated);
  EXPECT_EQ(tracker.Observe(7), Arrival::kInOrder);
  EXPECT_EQ(tracker.Lost(8), 0U);
}

TEST(SequenceTrackerTest, NumbersOfOneGapArriveInAnyOrder) {
  SequenceTracker tracker;
  tracker.Observe(9);
  for (const uint64_t number : {4, 0, 8, 5}) {
    EXPECT_EQ(tracker.Observe(number), Arrival::kReordered);
    EXPECT_EQ(tracker.Observe(number), Arrival::kRepeated);
  }
  EXPECT_EQ(tracker.missing(), 5U);
  EXPECT_EQ(tracker.Lost(4), 3U);
  EXPECT_EQ(tracker.Lost(20), 15U);
}

// A faulty server must not exhaust the memory of the generator.
TEST(SequenceTrackerTest, AHugeGapTakesNoMemory) {
  for (const uint64_t far : {uint64_t{1} << 62, UINT64_MAX}) {
    SequenceTracker tracker;
    EXPECT_EQ(tracker.Observe(far), Arrival::kAfterGap);
    EXPECT_EQ(tracker.Observe(7), Arrival::kReordered);
    EXPECT_EQ(tracker.Lost(10), 9U);
    EXPECT_EQ(tracker.Observe(far), Arrival::kRepeated);
  }
}

}  // namespace
}  // namespace parley::loadgen

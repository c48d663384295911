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

}  // namespace
}  // namespace parley::loadgen

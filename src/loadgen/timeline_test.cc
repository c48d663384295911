#include "loadgen/timeline.h"

#include <gtest/gtest.h>

namespace parley::loadgen {
namespace {

Histogram Of(std::initializer_list<uint64_t> values) {
  Histogram out;
  for (const uint64_t value : values) out.Record(value);
  return out;
}

TEST(TimelineTest, ASecondIsCompleteWhenAllLoopsHaveEndedIt) {
  Timeline timeline;
  std::vector<Second> seen;
  timeline.Begin(2, [&](const Second& second) { seen.push_back(second); });
  timeline.End(0, {.sent = 1, .acked = 2, .delivered = 1, .in_flight = 4}, Of({10}), 7);
  timeline.End(0, {.sent = 100}, {}, 7);
  EXPECT_TRUE(seen.empty());
  timeline.End(1, {.sent = 10, .acked = 20, .delivered = 2, .in_flight = 40}, Of({30, 900}), 9);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].sent, 11U);
  EXPECT_EQ(seen[0].acked, 22U);
  EXPECT_EQ(seen[0].delivered, 3U);
  EXPECT_EQ(seen[0].in_flight, 44U);
  EXPECT_EQ(seen[0].ready, 9U);
  EXPECT_EQ(seen[0].p50, 30U);
  EXPECT_EQ(seen[0].max, 900U);
  const auto all = timeline.Finish(false);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].sent, 100U);
  EXPECT_EQ(seen.size(), 2U);
}

TEST(TimelineTest, ALastSecondInWhichNothingHappenedIsKeptOnRequestOnly) {
  for (const bool keep : {false, true}) {
    Timeline timeline;
    timeline.Begin(1, {});
    timeline.End(0, {.acked = 1}, {}, 1);
    timeline.End(0, {}, {}, 1);
    EXPECT_EQ(timeline.Finish(keep).size(), keep ? 2U : 1U);
  }
}

TEST(TimelineTest, ANewMeasurementBeginsWithoutTheSecondsOfTheLastOne) {
  Timeline timeline;
  timeline.Begin(2, {});
  timeline.End(1, {.sent = 1}, {}, 1);
  timeline.Begin(1, {});
  timeline.End(0, {.sent = 2}, {}, 1);
  const auto all = timeline.Finish(false);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].sent, 2U);
}

}  // namespace
}  // namespace parley::loadgen

#include "loadgen/histogram.h"

#include <gtest/gtest.h>

namespace parley::loadgen {
namespace {

TEST(HistogramTest, PercentilesHaveThreeDigitsOverTheWholeRange) {
  for (uint64_t scale : {1, 100, 100'000, 4'000'000}) {
    Histogram histogram;
    for (uint64_t i = 1; i <= 1000; ++i) histogram.Record(i * scale);
    for (double share : {0.5, 0.9, 0.99, 0.999, 1.0}) {
      const double exact = share * 1000 * static_cast<double>(scale);
      const auto found = static_cast<double>(histogram.Percentile(share));
      EXPECT_GE(found, exact - 1e-6) << share << " of " << scale;
      EXPECT_LE(found, exact * 1.001) << share << " of " << scale;
    }
    EXPECT_EQ(histogram.max(), 1000 * scale);
    EXPECT_EQ(histogram.min(), scale);
    EXPECT_EQ(histogram.count(), 1000U);
  }
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t i = 0; i < 2048; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Percentile(0.5), 1023U);
  EXPECT_EQ(histogram.Percentile(0), 0U);
  EXPECT_EQ(histogram.CountFrom(2000), 48U);
}

TEST(HistogramTest, AValueBeyondTheRangeCountsAsTheGreatest) {
  Histogram histogram;
  histogram.Record(uint64_t{1} << 50);
  EXPECT_EQ(histogram.Percentile(0.99), Histogram::kMost);
}

TEST(HistogramTest, AddMergesAndClearEmpties) {
  Histogram one, two;
  one.Record(10, 99);
  two.Record(5000);
  one.Add(two);
  EXPECT_EQ(one.count(), 100U);
  EXPECT_EQ(one.Percentile(0.99), 10U);
  EXPECT_EQ(one.max(), 5000U);
  one.Clear();
  EXPECT_EQ(one.count(), 0U);
  EXPECT_EQ(one.Percentile(0.5), 0U);
}

}  // namespace
}  // namespace parley::loadgen

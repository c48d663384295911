#include "base/clock.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

// Proves: times
TEST(TimestampTest, IsFormattedInUtcWithSixDecimals) {
  EXPECT_EQ(FormatTimestamp({0}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp({1'700'000'000'000'001}), "2023-11-14T22:13:20.000001Z");
  EXPECT_EQ(FormatTimestamp({951'782'400'000'000}), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp({-1}), "1969-12-31T23:59:59.999999Z");
  std::string out = "at ";
  AppendTimestamp(out, {0});
  EXPECT_EQ(out, "at 1970-01-01T00:00:00.000000Z");
}

TEST(TimestampTest, AFormattedTimeIsParsedUnchanged) {
  for (int64_t micros = -3'000'000'000'000'000; micros < 9'000'000'000'000'000;
       micros += 86'399'999'983'111) {
    const auto read = ParseTimestamp(FormatTimestamp({micros}));
    ASSERT_TRUE(read) << micros;
    EXPECT_EQ(read->micros, micros);
  }
}

TEST(TimestampTest, OffsetsAndDecimalsOfRfc3339AreParsed) {
  const int64_t noon = ParseTimestamp("2026-11-23T12:00:00Z")->micros;
  EXPECT_EQ(FormatTimestamp({noon}), "2026-11-23T12:00:00.000000Z");
  EXPECT_EQ(ParseTimestamp("2026-11-23T13:30:00+01:30")->micros, noon);
  EXPECT_EQ(ParseTimestamp("2026-11-22T22:00:00-14:00")->micros, noon);
  EXPECT_EQ(ParseTimestamp("2026-11-23t12:00:00z")->micros, noon);
  EXPECT_EQ(ParseTimestamp("2026-11-23 12:00:00+00:00")->micros, noon);
  EXPECT_EQ(ParseTimestamp("2026-11-23T12:00:00.5Z")->micros, noon + 500'000);
  EXPECT_EQ(ParseTimestamp("2026-11-23T12:00:00.123456789Z")->micros, noon + 123'456);
  EXPECT_EQ(ParseTimestamp("2026-11-23T11:59:60Z")->micros, noon);  // a leap second
}

TEST(TimestampTest, InvalidTimesAreRejected) {
  for (const char* text : {"",
                           "2026-11-23",
                           "2026-11-23T12:00:00",
                           "2026-11-23T12:00Z",
                           "2026-02-29T12:00:00Z",
                           "2026-13-01T12:00:00Z",
                           "2026-00-01T12:00:00Z",
                           "2026-11-31T12:00:00Z",
                           "2026-11-23T24:00:00Z",
                           "2026-11-23T12:60:00Z",
                           "2026-11-23T12:00:61Z",
                           "2026-11-23T12:00:00.Z",
                           "2026-11-23T12:00:00.1234567890Z",
                           "2026-11-23T12:00:00+24:00",
                           "2026-11-23T12:00:00+0100",
                           "2026-11-23T12:00:00+01:60",
                           "2026-11-23T12:00:00Zx",
                           "2026-11-23T12:00:00.5",
                           "-026-11-23T12:00:00Z",
                           "2026-11-23T-1:00:00Z",
                           "2026-11-23X12:00:00Z",
                           " 2026-11-23T12:00:00Z"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

TEST(ManualClockTest, StandsStillUntilItIsMoved) {
  ManualClock clock;
  const Timestamp now = clock.Now();
  const Monotonic steady = clock.Steady();
  EXPECT_EQ(clock.Now(), now);
  clock.Advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(clock.Now().micros, now.micros + 1'500'000);
  EXPECT_EQ(clock.Steady() - steady, std::chrono::milliseconds(1500));
}

TEST(SystemClockTest, FollowsTheWallClockAndNeverGoesBack) {
  const SystemClock clock;
  EXPECT_GT(clock.Now(), ParseTimestamp("2024-01-01T00:00:00Z"));
  const Monotonic before = clock.Steady();
  EXPECT_GE(clock.Steady(), before);
}

}  // namespace
}  // namespace parley

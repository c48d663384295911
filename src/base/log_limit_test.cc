#include "base/log_limit.h"

#include <gtest/gtest.h>

namespace parley::log {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
using Verdict = Limit::Verdict;

Line Named(std::string message, std::string value = "v") {
  return {.message = std::move(message), .fields = {{"name", std::move(value)}}};
}

TEST(LogLimit, RepeatedWarningsBecomeOneLineWithACount) {
  Limit limit;
  Monotonic now{};
  EXPECT_EQ(limit.Take(Named("down"), 3, true, now), Verdict::kWrite);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(limit.Take(Named("down"), 3, true, now += seconds(1)), Verdict::kRepeated);
  }
  EXPECT_EQ(limit.Take(Named("down", "other"), 3, true, now), Verdict::kWrite);
  EXPECT_TRUE(limit.TakeRepeats(now, false).empty());
  now += Limit::kRepeatWindow;
  const auto repeats = limit.TakeRepeats(now, false);
  ASSERT_EQ(repeats.size(), 1u);
  EXPECT_EQ(repeats[0].line.message, "down");
  EXPECT_EQ(repeats[0].level, 3);
  EXPECT_EQ(repeats[0].count, 5u);
  EXPECT_EQ(limit.Take(Named("down"), 3, true, now), Verdict::kWrite);
  EXPECT_TRUE(limit.TakeRepeats(now, true).empty()) << "nothing was repeated since";
}

TEST(LogLimit, OtherLinesAreNeverRepetitions) {
  Limit limit;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limit.Take(Named("request"), 2, false, {}), Verdict::kWrite);
  }
}

TEST(LogLimit, LinesPerSecondAreBoundedAndWarningsKeepTheirShare) {
  Limit limit;
  limit.set_lines_per_second(2);
  const Monotonic start{seconds(100)};
  for (const auto verdict : {Verdict::kWrite, Verdict::kWrite, Verdict::kOver}) {
    EXPECT_EQ(limit.Take(Named("request"), 2, false, start), verdict);
  }
  EXPECT_EQ(limit.Take(Named("a"), 3, true, start), Verdict::kWrite);
  EXPECT_EQ(limit.Take(Named("b"), 3, true, start), Verdict::kWrite);
  EXPECT_EQ(limit.Take(Named("c"), 3, true, start), Verdict::kOver);
  EXPECT_EQ(limit.Take(Named("request"), 2, false, start + milliseconds(999)), Verdict::kOver);
  EXPECT_EQ(limit.Take(Named("request"), 2, false, start + seconds(1)), Verdict::kWrite);
}

TEST(LogLimit, RemembersABoundedNumberOfLines) {
  Limit limit;
  for (size_t i = 0; i < 2 * Limit::kMostKnown; ++i) {
    limit.Take(Named(std::to_string(i)), 3, true, {});
  }
  EXPECT_EQ(limit.Take(Named("0"), 3, true, {}), Verdict::kRepeated);
  EXPECT_EQ(limit.Take(Named(std::to_string(Limit::kMostKnown)), 3, true, {}), Verdict::kWrite);
}

}  // namespace
}  // namespace parley::log

#include "base/debounce.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::chrono_literals;

int RunsWithin(Debounce& debounce, Monotonic& now, Duration time, bool requested_all_the_time) {
  int runs = 0;
  for (const Monotonic end = now + time; now < end; now += 10ms) {
    if (requested_all_the_time) debounce.Request(now);
    runs += debounce.TakeDue(now) ? 1 : 0;
  }
  return runs;
}

TEST(DebounceTest, TheFirstRequestRunsSoon) {
  Debounce debounce({.jitter = 200ms, .window = 2s}, 1);
  Monotonic now(100s);
  EXPECT_EQ(RunsWithin(debounce, now, 1s, false), 0);
  debounce.Request(now);
  EXPECT_EQ(RunsWithin(debounce, now, 220ms, false), 1);
  EXPECT_EQ(RunsWithin(debounce, now, 10s, false), 0);
}

TEST(DebounceTest, RequestsWithinTheWindowShareOneRun) {
  for (unsigned seed = 1; seed < 50; ++seed) {
    Debounce debounce({.jitter = 200ms, .window = 2s}, seed);
    Monotonic now(100s);
    const int runs = RunsWithin(debounce, now, 10s, true);
    EXPECT_GE(runs, 4) << seed;
    EXPECT_LE(runs, 5) << seed;
  }
}

TEST(DebounceTest, ARequestDuringTheWindowIsNotLost) {
  Debounce debounce({.jitter = 200ms, .window = 2s}, 1);
  Monotonic now(100s);
  debounce.Request(now);
  EXPECT_EQ(RunsWithin(debounce, now, 300ms, false), 1);
  debounce.Request(now);
  EXPECT_EQ(RunsWithin(debounce, now, 1s, false), 0);
  EXPECT_EQ(RunsWithin(debounce, now, 2s, false), 1);
}

}  // namespace
}  // namespace parley

#include "session/reconnect_delays.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using std::chrono::seconds;

TEST(ReconnectDelaysTest, EveryDelayIsWithinItsBounds) {
  ReconnectDelays delays;
  ManualClock clock;
  for (int i = 0; i < 50'000; ++i) {
    const Duration delay = delays.Next(clock.Steady());
    ASSERT_GE(delay, ReconnectDelays::kShortest);
    ASSERT_LE(delay, ReconnectDelays::kLongest);
  }
}

TEST(ReconnectDelaysTest, DelaysGrowWithTheNumberOfClientsAndSpreadThemOut) {
  ReconnectDelays delays;
  ManualClock clock;
  std::array<int, 70> arrivals{};  // by second
  for (int i = 0; i < 5'000; ++i) {
    const Duration delay = delays.Next(clock.Steady());
    ++arrivals[static_cast<size_t>(delay / Duration(seconds(1)))];
  }
  EXPECT_LE(*std::ranges::max_element(arrivals), 400) << "250 a second, with jitter";
  EXPECT_EQ(arrivals[0], 0);
  EXPECT_GT(arrivals[10], 100);
  EXPECT_GT(arrivals[19], 100);
}

TEST(ReconnectDelaysTest, AQuietWhileMakesDelaysShortAgain) {
  ReconnectDelays delays;
  ManualClock clock;
  for (int i = 0; i < 5'000; ++i) delays.Next(clock.Steady());
  EXPECT_GT(delays.Next(clock.Steady()), Duration(seconds(15)));
  clock.Advance(seconds(30));
  EXPECT_LE(delays.Next(clock.Steady()), Duration(seconds(3)));
}

TEST(ReconnectDelaysTest, JitterIsBetweenHalfAndAll) {
  ReconnectDelays delays;
  for (int i = 0; i < 1'000; ++i) {
    const Duration delay = delays.Jittered(seconds(8));
    ASSERT_GE(delay, Duration(seconds(4)));
    ASSERT_LE(delay, Duration(seconds(8)));
  }
}

}  // namespace
}  // namespace parley

#include "net/gather_pace.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

// Counts the ticks that this number of connections waits for.
size_t TicksOf(GatherPace& pace, size_t waiting) {
  size_t ticks = 1;
  while (!pace.IsDue(waiting)) ++ticks;
  return ticks;
}

TEST(GatherPaceTest, FewConnectionsWaitForOneTick) {
  GatherPace pace;
  for (const size_t waiting : {0, 1, 1'000}) EXPECT_EQ(TicksOf(pace, waiting), 1u);
}

TEST(GatherPaceTest, ManyConnectionsWaitInProportion) {
  GatherPace pace;
  EXPECT_EQ(TicksOf(pace, 1'001), 2u);
  EXPECT_EQ(TicksOf(pace, 5'000), 5u);
  EXPECT_EQ(TicksOf(pace, 1'000), 1u);
}

TEST(GatherPaceTest, NoConnectionWaitsForMoreThanASecond) {
  GatherPace pace;
  EXPECT_EQ(TicksOf(pace, 100'000), 10u);
  EXPECT_EQ(TicksOf(pace, 100'000), 10u);
}

TEST(GatherPaceTest, AStormThatEndsEarlyIsWrittenAtTheNextTick) {
  GatherPace pace;
  EXPECT_FALSE(pace.IsDue(5'000));
  EXPECT_FALSE(pace.IsDue(5'000));
  EXPECT_TRUE(pace.IsDue(3'000)) << "connections have closed, or other frames took theirs along";
}

}  // namespace
}  // namespace parley

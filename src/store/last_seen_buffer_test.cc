#include "store/last_seen_buffer.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(LastSeenBufferTest, TheLatestTimeIsReadableUntilItIsWritten) {
  LastSeenBuffer buffer;
  EXPECT_TRUE(buffer.Note("ann", {5})) << "it was empty";
  EXPECT_FALSE(buffer.Note("ann", {3}));
  EXPECT_EQ(buffer.Find("ann")->micros, 5);
  ASSERT_EQ(buffer.Take(10).size(), 1u);
  EXPECT_EQ(buffer.Find("ann")->micros, 5) << "the row may be older";
  buffer.Settle(true);
  EXPECT_FALSE(buffer.Find("ann"));
}

TEST(LastSeenBufferTest, UnwrittenTimesAreTakenAgainUnlessTheyAreOutdated) {
  LastSeenBuffer buffer;
  buffer.Note("ann", {5});
  buffer.Note("bob", {5});
  ASSERT_EQ(buffer.Take(10).size(), 2u);
  buffer.Note("ann", {9});
  buffer.Settle(false);
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken.at("ann").micros, 9);
  EXPECT_EQ(taken.at("bob").micros, 5);
}

}  // namespace
}  // namespace parley

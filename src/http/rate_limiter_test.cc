#include "http/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace parley {
namespace {

using std::chrono::milliseconds;

TEST(RateLimiterTest, OffItLetsEverythingThrough) {
  const ManualClock clock;
  RateLimiter limiter({.on = false, .sends_per_second = 1, .burst = 1}, clock);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limiter.TakeSend("ann"));
}

TEST(RateLimiterTest, ABurstPassesThenOneAtATime) {
  ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 20, .burst = 100}, clock);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(limiter.TakeSend("ann")) << i;
  EXPECT_EQ(limiter.TakeSend("ann"), milliseconds(50));
  clock.Advance(milliseconds(20));
  EXPECT_EQ(limiter.TakeSend("ann"), milliseconds(30));
  clock.Advance(milliseconds(30));
  EXPECT_FALSE(limiter.TakeSend("ann"));
  EXPECT_TRUE(limiter.TakeSend("ann"));
}

TEST(RateLimiterTest, WhoWaitsAsLongAsToldMaySend) {
  ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 7, .burst = 3}, clock);
  int sent = 0;
  for (int i = 0; i < 500; ++i) {
    const auto wait = limiter.TakeSend("ann");
    if (!wait) {
      ++sent;
      continue;
    }
    ASSERT_GT(wait->count(), 0);
    clock.Advance(*wait);
    ASSERT_FALSE(limiter.TakeSend("ann"));
    ++sent;
  }
  EXPECT_GT(sent, 400);
}

TEST(RateLimiterTest, AskingInVainCostsNothing) {
  ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 1, .burst = 1}, clock);
  EXPECT_FALSE(limiter.TakeSend("ann"));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.TakeSend("ann"));
  clock.Advance(milliseconds(1000));
  EXPECT_FALSE(limiter.TakeSend("ann"));
}

TEST(RateLimiterTest, IdleTimeIsSavedUpToTheBurst) {
  ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 10, .burst = 5}, clock);
  EXPECT_FALSE(limiter.TakeSend("ann"));
  clock.Advance(std::chrono::hours(1));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(limiter.TakeSend("ann")) << i;
  EXPECT_TRUE(limiter.TakeSend("ann"));
}

TEST(RateLimiterTest, UsersDoNotShareABucketHoweverMany) {
  ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 1, .burst = 2}, clock);
  limiter.TakeSend("ann");
  limiter.TakeSend("ann");
  // More users than are kept: full buckets are forgotten, an empty one is not.
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_FALSE(limiter.TakeSend("user" + std::to_string(i)));
    if (i % 1000 == 0) clock.Advance(milliseconds(1));
  }
  EXPECT_TRUE(limiter.TakeSend("ann"));
  EXPECT_FALSE(limiter.TakeSend("user7"));
}

TEST(RateLimiterTest, ShardsTogetherGetNoMoreThanTheBurst) {
  const ManualClock clock;
  RateLimiter limiter({.on = true, .sends_per_second = 1, .burst = 500}, clock);
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) passed += limiter.TakeSend("ann") ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 500);
}

}  // namespace
}  // namespace parley

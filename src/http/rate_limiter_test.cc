#include "http/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "http/held_counts.h"

namespace parley {
namespace {

using std::chrono::milliseconds;

RateLimits Limits(bool on, double per_second, double burst) {
  RateLimits limits{.on = on};
  limits.rates.fill({per_second, burst});
  return limits;
}

auto TakeSend(RateLimiter& limiter, std::string_view user) {
  return limiter.Take(Limit::kSend, user);
}

TEST(RateLimiterTest, ADisabledLimiterAllowsEverything) {
  const ManualClock clock;
  RateLimiter limiter(Limits(false, 1, 1), clock);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(TakeSend(limiter, "ann"));
}

// Proves: --rate-limits
TEST(RateLimiterTest, ABurstIsAllowedThenTheRate) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 20, 100), clock);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(TakeSend(limiter, "ann")) << i;
  EXPECT_EQ(TakeSend(limiter, "ann"), milliseconds(50));
  clock.Advance(milliseconds(20));
  EXPECT_EQ(TakeSend(limiter, "ann"), milliseconds(30));
  clock.Advance(milliseconds(30));
  EXPECT_FALSE(TakeSend(limiter, "ann"));
  EXPECT_TRUE(TakeSend(limiter, "ann"));
}

TEST(RateLimiterTest, ARequestAfterRetryAfterIsAllowed) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 7, 3), clock);
  int sent = 0;
  for (int i = 0; i < 500; ++i) {
    const auto wait = TakeSend(limiter, "ann");
    if (!wait) {
      ++sent;
      continue;
    }
    ASSERT_GT(wait->count(), 0);
    clock.Advance(*wait);
    ASSERT_FALSE(TakeSend(limiter, "ann"));
    ++sent;
  }
  EXPECT_GT(sent, 400);
}

TEST(RateLimiterTest, ARejectedRequestCostsNoTokens) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 1, 1), clock);
  EXPECT_FALSE(TakeSend(limiter, "ann"));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(TakeSend(limiter, "ann"));
  clock.Advance(milliseconds(1000));
  EXPECT_FALSE(TakeSend(limiter, "ann"));
}

TEST(RateLimiterTest, IdleTimeRefillsUpToTheBurst) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 10, 5), clock);
  EXPECT_FALSE(TakeSend(limiter, "ann"));
  clock.Advance(std::chrono::hours(1));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(TakeSend(limiter, "ann")) << i;
  EXPECT_TRUE(TakeSend(limiter, "ann"));
}

TEST(RateLimiterTest, UsersDoNotShareABucket) {
  const ManualClock clock;
  RateLimiter limiter(Limits(true, 1, 2), clock);
  TakeSend(limiter, "ann");
  TakeSend(limiter, "ann");
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(TakeSend(limiter, "user" + std::to_string(i)));
  EXPECT_TRUE(TakeSend(limiter, "ann"));
}

TEST(RateLimiterTest, ClassesHaveSeparateBucketsAndCounters) {
  const ManualClock clock;
  RateLimiter limiter(Limits(true, 1, 1), clock);
  for (size_t i = 1; i < kLimitCount; ++i) {
    const auto limit = static_cast<Limit>(i);
    EXPECT_FALSE(limiter.Take(limit, "ann")) << i;
    EXPECT_TRUE(limiter.Take(limit, "ann")) << i;
    EXPECT_EQ(limiter.refused(limit), 1u) << i;
  }
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limiter.Take(Limit::kNone, "ann"));
}

TEST(RateLimiterTest, EntriesAreBoundedForAnyNumberOfKeys) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 0.001, 2), clock);  // no bucket refills during the test
  for (int i = 0; i < 200'000; ++i) TakeSend(limiter, "user" + std::to_string(i));
  EXPECT_LE(limiter.entries(), 65'536u);
  EXPECT_GT(limiter.entries(), 30'000u);
}

TEST(RateLimiterTest, FullBucketsAreDroppedBeforeOthers) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 1, 2), clock);
  for (int i = 0; i < 60'000; ++i) TakeSend(limiter, "old" + std::to_string(i));
  clock.Advance(std::chrono::seconds(10));
  TakeSend(limiter, "ann");
  TakeSend(limiter, "ann");
  for (int i = 0; i < 20'000; ++i) TakeSend(limiter, "new" + std::to_string(i));
  EXPECT_TRUE(TakeSend(limiter, "ann"));
  EXPECT_LT(limiter.entries(), 45'000u);
}

TEST(RateLimiterTest, ALargeCostIsAllowedOnAFullBucketAndLeavesADebt) {
  ManualClock clock;
  RateLimiter limiter(Limits(true, 10, 100), clock);
  EXPECT_FALSE(limiter.Take(Limit::kMembers, "ann", 1000));
  EXPECT_EQ(limiter.Left(Limit::kMembers, "ann"), 0);
  EXPECT_EQ(limiter.Take(Limit::kMembers, "ann", 1), milliseconds(90'100));
  clock.Advance(std::chrono::seconds(91));
  EXPECT_FALSE(limiter.Take(Limit::kMembers, "ann", 1));
  EXPECT_TRUE(limiter.Take(Limit::kMembers, "ann", 1000));
  EXPECT_FALSE(limiter.Take(Limit::kMembers, "ann", 0)) << "a cost of zero is allowed";
}

TEST(RateLimiterTest, IPv6AddressesAreLimitedPerNetwork) {
  EXPECT_EQ(AddressKey("2001:db8:1:2:3:4:5:6"), AddressKey("2001:db8:1:2:ffff::1"));
  EXPECT_NE(AddressKey("2001:db8:1:2::1"), AddressKey("2001:db8:1:3::1"));
  EXPECT_NE(AddressKey("192.0.2.1"), AddressKey("192.0.2.2"));
  EXPECT_EQ(AddressKey("::ffff:192.0.2.1"), AddressKey("192.0.2.1"));
  EXPECT_TRUE(AddressKey("192.0.2.1").starts_with(' ')) << "user ids do not begin with a space";
}

TEST(RateLimiterTest, TheErrorAndTheHeadersSayWhenToRetry) {
  const Error error = RateLimited(milliseconds(1450));
  EXPECT_EQ(error.detail, "Rate limit exceeded: retry in 1.5 s.");
  EXPECT_EQ(error.retry_after, milliseconds(1450));
  EXPECT_EQ(RateLimitPolicyHeader(Limit::kSend, {20, 100}), R"("send";q=100;w=5)");
  EXPECT_EQ(RateLimitHeader(Limit::kSend, {20, 100}, 59.5), R"("send";r=59;t=3)");
}

TEST(HeldCountsTest, AKeyIsCountedUpToTheLimitAndReleased) {
  HeldCounts counts;
  {
    const auto one = counts.Take("ann", 2);
    auto two = counts.Take("ann", 2);
    EXPECT_TRUE(one);
    EXPECT_TRUE(two);
    EXPECT_FALSE(counts.Take("ann", 2));
    EXPECT_TRUE(counts.Take("bob", 2));
    two = {};
    EXPECT_EQ(counts.Count("ann"), 1);
    EXPECT_TRUE(counts.Take("ann", 2));
  }
  EXPECT_EQ(counts.Count("ann"), 0);
  EXPECT_FALSE(counts.Take("ann", 0));
}

TEST(RateLimiterTest, AllShardsTogetherAllowAtMostTheBurst) {
  const ManualClock clock;
  RateLimiter limiter(Limits(true, 1, 500), clock);
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) passed += TakeSend(limiter, "ann") ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 500);
}

}  // namespace
}  // namespace parley

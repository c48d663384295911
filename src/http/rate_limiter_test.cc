#include "http/rate_limiter.h"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "http/held_counts.h"

namespace parley {
namespace {

using namespace std::string_literals;
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
  const RateLimitHeaders headers = HeadersOf(Limit::kSend, {20, 100}, 59.5);
  EXPECT_EQ(headers[0], std::pair("RateLimit-Policy"s, R"("send";q=100;w=5)"s));
  EXPECT_EQ(headers[1], std::pair("RateLimit"s, R"("send";r=59;t=3)"s));
}

// --- shared with other nodes

RateLimits SharedLimits(double per_second, double burst) {
  RateLimits limits = Limits(true, per_second, burst);
  limits.shared = true;
  return limits;
}

// Passes on what each has admitted since the last call.
void Exchange(std::span<RateLimiter* const> nodes) {
  for (RateLimiter* const from : nodes) {
    for (const Consumption& one : from->TakeConsumed()) {
      for (RateLimiter* const to : nodes) {
        if (to != from) to->Charge(one);
      }
    }
  }
}

TEST(SharedRateLimitTest, WhatOneNodeAdmitsIsMissingOnTheOther) {
  ManualClock clock;
  RateLimiter here(SharedLimits(1, 10), clock), there(SharedLimits(1, 10), clock);
  RateLimiter* const nodes[] = {&here, &there};
  for (int i = 0; i < 8; ++i) ASSERT_FALSE(TakeSend(here, "ann"));
  Exchange(nodes);
  EXPECT_EQ(there.Left(Limit::kSend, "ann"), 2);
  EXPECT_EQ(there.Left(Limit::kSend, "bob"), 10) << "other users are not affected";
  EXPECT_EQ(there.Left(Limit::kRead, "ann"), 10) << "other limits are not affected";
  Exchange(nodes);
  EXPECT_EQ(here.Left(Limit::kSend, "ann"), 2) << "charges are not passed on";
  EXPECT_EQ(there.Left(Limit::kSend, "ann"), 2) << "nothing is charged twice";
}

TEST(SharedRateLimitTest, SmallConsumptionIsGatheredBeforeItIsShared) {
  ManualClock clock;
  RateLimiter limiter(SharedLimits(20, 100), clock);
  for (int i = 0; i < 4; ++i) TakeSend(limiter, "ann");
  EXPECT_TRUE(limiter.TakeConsumed().empty());
  for (int i = 0; i < 3; ++i) TakeSend(limiter, "ann");
  const auto consumed = limiter.TakeConsumed();
  ASSERT_EQ(consumed.size(), 1u);
  EXPECT_EQ(consumed[0].key, "ann");
  EXPECT_EQ(consumed[0].limit, Limit::kSend);
  EXPECT_EQ(consumed[0].tokens, 7);
  EXPECT_TRUE(limiter.TakeConsumed().empty());
}

TEST(SharedRateLimitTest, RefusedRequestsAndUnsharedLimitsCostOtherNodesNothing) {
  ManualClock clock;
  RateLimiter shared(SharedLimits(1, 2), clock), own(Limits(true, 1, 2), clock);
  for (int i = 0; i < 50; ++i) TakeSend(shared, "ann"), TakeSend(own, "ann");
  const auto consumed = shared.TakeConsumed();
  ASSERT_EQ(consumed.size(), 1u);
  EXPECT_EQ(consumed[0].tokens, 2);
  EXPECT_TRUE(own.TakeConsumed().empty());
}

// The bound of docs/adr/0016-shared-rate-limits.md.
TEST(SharedRateLimitTest, AllNodesTogetherAdmitTheRateAndABoundedExcess) {
  constexpr double kRate = 20, kBurst = 100;
  constexpr int kNodes = 4, kSeconds = 120;
  ManualClock clock;
  std::vector<std::unique_ptr<RateLimiter>> limiters;
  std::vector<RateLimiter*> nodes;
  for (int i = 0; i < kNodes; ++i) {
    limiters.push_back(std::make_unique<RateLimiter>(SharedLimits(kRate, kBurst), clock));
    nodes.push_back(limiters.back().get());
  }
  int admitted = 0, most_at_once = 0;
  for (int step = 0; step < kSeconds * 10; ++step) {
    int now = 0;
    for (RateLimiter* const node : nodes) {
      for (int i = 0; i < 200; ++i) now += TakeSend(*node, "ann") ? 0 : 1;  // as fast as allowed
    }
    admitted += now;
    most_at_once = std::max(most_at_once, now);
    Exchange(nodes);
    clock.Advance(milliseconds(100));
  }
  EXPECT_EQ(most_at_once, kNodes * kBurst) << "all bursts, before the first exchange";
  const double unshared = kBurst * RateLimiter::kSharedPart;
  EXPECT_LE(admitted, kBurst + kRate * kSeconds + (kNodes - 1) * (unshared + kRate / 10));
  EXPECT_GE(admitted, kRate * kSeconds * 0.9);
}

TEST(SharedRateLimitTest, ADebtByOtherNodesIsBounded) {
  ManualClock clock;
  RateLimiter limiter(SharedLimits(10, 10), clock);
  for (int i = 0; i < 1000; ++i) limiter.Charge({Limit::kSend, "ann", 1'000'000'000});
  const auto wait = TakeSend(limiter, "ann").value();
  EXPECT_GE(wait, milliseconds(16'100)) << "16 bursts, and one token";
  EXPECT_LE(wait, milliseconds(16'101)) << "rounded up";
  limiter.Charge({Limit::kSend, "bob", -5});
  limiter.Charge({Limit::kNone, "bob", 5});
  EXPECT_EQ(limiter.Left(Limit::kSend, "bob"), 10);
}

TEST(SharedRateLimitTest, UsersOfOtherNodesDoNotEvictUsersOfThisNode) {
  ManualClock clock;
  RateLimiter limiter(SharedLimits(0.001, 2), clock);
  TakeSend(limiter, "ann");
  TakeSend(limiter, "ann");
  for (int i = 0; i < 200'000; ++i) limiter.Charge({Limit::kSend, "user" + std::to_string(i), 1});
  EXPECT_TRUE(TakeSend(limiter, "ann"));
  EXPECT_LE(limiter.entries(), 49'153u);
  EXPECT_GT(limiter.shared_counters().lost.value(), 0u);
}

TEST(SharedRateLimitTest, TheUnsharedKeysAreBounded) {
  ManualClock clock;
  RateLimiter limiter(SharedLimits(1, 2), clock);
  for (int i = 0; i < 50'000; ++i) TakeSend(limiter, "user" + std::to_string(i));
  EXPECT_LE(limiter.TakeConsumed().size(), 16'384u);
  EXPECT_GT(limiter.shared_counters().lost.value(), 0u);
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

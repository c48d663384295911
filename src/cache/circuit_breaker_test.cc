#include "cache/circuit_breaker.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::chrono_literals;
using Refusal = CircuitBreaker::Refusal;

class CircuitBreakerTest : public testing::Test {
 protected:
  std::optional<Refusal> Refused() {
    const auto ticket = breaker_.Admit(now_);
    if (!ticket) return ticket.error();
    last_ = *ticket;
    return std::nullopt;
  }
  void Fail(CircuitBreaker::Ticket ticket) { breaker_.Failed(ticket, now_); }

  CircuitBreaker breaker_{
      {.most_at_once = 3, .slow = 100ms, .first_pause = 1s, .longest_pause = 4s}};
  Monotonic now_ = Monotonic(1h);
  CircuitBreaker::Ticket last_ = 0;
};

TEST_F(CircuitBreakerTest, ALimitedNumberOfRequestsIsInProgress) {
  EXPECT_FALSE(Refused());
  const auto first = last_;
  EXPECT_FALSE(Refused());
  EXPECT_FALSE(Refused());
  EXPECT_EQ(Refused(), Refusal::kFull);
  breaker_.Succeeded(first);
  EXPECT_FALSE(Refused());
}

TEST_F(CircuitBreakerTest, NoRequestIsSentBehindASlowOne) {
  EXPECT_FALSE(Refused());
  const auto slow = last_;
  now_ += 99ms;
  EXPECT_FALSE(Refused());
  now_ += 1ms;
  EXPECT_EQ(Refused(), Refusal::kSlow);
  breaker_.Succeeded(slow);
  EXPECT_FALSE(Refused()) << "the second request is only 1 ms old";
}

TEST_F(CircuitBreakerTest, AfterAFailureOneProbeIsSentPerPauseWhichDoubles) {
  EXPECT_FALSE(Refused());
  Fail(last_);
  EXPECT_FALSE(breaker_.closed());
  for (const auto pause : {1s, 2s, 4s, 4s}) {
    now_ += pause - 1ms;
    EXPECT_EQ(Refused(), Refusal::kPaused);
    now_ += 1ms;
    EXPECT_FALSE(Refused()) << "the probe";
    EXPECT_EQ(Refused(), Refusal::kPaused) << "while it is in progress";
    now_ += 5s;
    EXPECT_EQ(Refused(), Refusal::kPaused);
    Fail(last_);
  }
  now_ += 4s;
  EXPECT_FALSE(Refused());
  breaker_.Succeeded(last_);
  EXPECT_TRUE(breaker_.closed());
  EXPECT_FALSE(Refused());
  Fail(last_);
  now_ += 1s;
  EXPECT_FALSE(Refused()) << "the first pause again";
}

TEST_F(CircuitBreakerTest, RequestsThatFailTogetherAreOneFailure) {
  EXPECT_FALSE(Refused());
  const auto first = last_;
  EXPECT_FALSE(Refused());
  EXPECT_TRUE(breaker_.Failed(first, now_));
  EXPECT_FALSE(breaker_.Failed(last_, now_));
  now_ += 1s;
  EXPECT_FALSE(Refused());
}

}  // namespace
}  // namespace parley

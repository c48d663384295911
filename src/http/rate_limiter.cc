#include "http/rate_limiter.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace parley {

double RateLimiter::Filled(Limit limit, const Bucket& bucket, Monotonic now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(rate(limit).burst, bucket.tokens + seconds * rate(limit).per_second);
}

bool RateLimiter::AllFull(const Buckets& buckets, Monotonic now) const {
  for (size_t i = 0; i < kLimitCount; ++i) {
    if (Filled(static_cast<Limit>(i), buckets[i], now) < limits_.rates[i].burst) return false;
  }
  return true;
}

void RateLimiter::Sweep(Stripe& stripe, Monotonic now) {
  if (stripe.entries.size() < kSweepAbove || now - stripe.swept < std::chrono::seconds(1)) return;
  stripe.swept = now;
  std::erase_if(stripe.entries, [&](const auto& entry) { return AllFull(entry.second, now); });
}

void RateLimiter::MakeRoom(Stripe& stripe, Monotonic now) {
  Sweep(stripe, now);
  // Clients cannot influence the order of a keyed map.
  if (stripe.entries.size() >= kMostPerStripe) stripe.entries.erase(stripe.entries.begin());
}

RateLimiter::Bucket& RateLimiter::BucketOf(Stripe& stripe, Limit limit, std::string_view key,
                                           Monotonic now) {
  auto found = stripe.entries.find(key);
  if (found == stripe.entries.end()) {
    MakeRoom(stripe, now);
    found = stripe.entries.try_emplace(std::string(key)).first;
    for (size_t i = 0; i < kLimitCount; ++i) found->second[i] = {limits_.rates[i].burst, now};
  }
  Bucket& bucket = found->second[static_cast<size_t>(limit)];
  bucket.tokens = Filled(limit, bucket, now);
  bucket.at = now;
  return bucket;
}

std::optional<std::chrono::milliseconds> RateLimiter::Take(Limit limit, std::string_view key,
                                                           double cost) {
  if (!limits_.on || limit == Limit::kNone || cost <= 0) return std::nullopt;
  const Monotonic now = clock_.Steady();
  Stripe& stripe = StripeOf(key);
  const MutexLock lock(stripe.mutex);
  Bucket& bucket = BucketOf(stripe, limit, key, now);
  const double needed = std::min(cost, rate(limit).burst);
  if (bucket.tokens >= needed) {
    bucket.tokens -= cost;
    if (limits_.shared) AddUnshared(stripe, bucket, limit, key, cost);
    return std::nullopt;
  }
  CountRefusal(limit);
  const double wait = (needed - bucket.tokens) / rate(limit).per_second * 1000;
  return std::chrono::milliseconds(std::max<int64_t>(1, static_cast<int64_t>(std::ceil(wait))));
}

void RateLimiter::AddUnshared(Stripe& stripe, Bucket& bucket, Limit limit, std::string_view key,
                              double cost) {
  const double enough = rate(limit).burst * kSharedPart;
  const bool listed = bucket.unshared > 0 && bucket.unshared >= enough;
  bucket.unshared += cost;
  if (listed || bucket.unshared < enough) return;
  // Beyond the limit, the bucket must reach the threshold again.
  if (stripe.unshared.size() >= kMostUnshared) {
    bucket.unshared = 0;
    return shared_counters_.lost.Add();
  }
  stripe.unshared.emplace_back(limit, key);
}

std::vector<Consumption> RateLimiter::TakeConsumed() {
  std::vector<Consumption> consumed;
  for (Stripe& stripe : stripes_) {
    const MutexLock lock(stripe.mutex);
    for (auto& [limit, key] : stripe.unshared) {
      const auto found = stripe.entries.find(key);
      if (found == stripe.entries.end()) continue;  // evicted
      const double tokens = std::exchange(found->second[static_cast<size_t>(limit)].unshared, 0);
      if (tokens >= 1) consumed.push_back({limit, std::move(key), static_cast<int64_t>(tokens)});
    }
    stripe.unshared.clear();
  }
  return consumed;
}

void RateLimiter::Charge(const Consumption& elsewhere) {
  const auto& [limit, key, tokens] = elsewhere;
  if (!limits_.on || limit == Limit::kNone || tokens <= 0) return;
  const Monotonic now = clock_.Steady();
  Stripe& stripe = StripeOf(key);
  const MutexLock lock(stripe.mutex);
  if (!stripe.entries.contains(key)) {
    Sweep(stripe, now);
    if (stripe.entries.size() >= kMostCharged) return shared_counters_.lost.Add();
  }
  Bucket& bucket = BucketOf(stripe, limit, key, now);
  const double least = std::min(bucket.tokens, -kMostDebt * rate(limit).burst);
  bucket.tokens = std::max(bucket.tokens - static_cast<double>(tokens), least);
  shared_counters_.received.Add();
}

double RateLimiter::Left(Limit limit, std::string_view key) {
  const Monotonic now = clock_.Steady();
  Stripe& stripe = StripeOf(key);
  const MutexLock lock(stripe.mutex);
  const auto found = stripe.entries.find(key);
  if (found == stripe.entries.end()) return rate(limit).burst;
  return std::max(0.0, Filled(limit, found->second[static_cast<size_t>(limit)], now));
}

size_t RateLimiter::entries() const {
  size_t count = 0;
  for (const Stripe& stripe : stripes_) {
    const MutexLock lock(stripe.mutex);
    count += stripe.entries.size();
  }
  return count;
}

std::string AddressKey(std::string_view address) {
  in6_addr six;
  const std::string text(address);
  if (::inet_pton(AF_INET6, text.c_str(), &six) != 1) return " " + text;
  // An IPv4-mapped IPv6 address is treated as the IPv4 address.
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    char four[INET_ADDRSTRLEN];
    return std::string(" ") + ::inet_ntop(AF_INET, &six.s6_addr[12], four, sizeof four);
  }
  std::fill(six.s6_addr + 8, six.s6_addr + 16, uint8_t{0});
  char network[INET6_ADDRSTRLEN];
  return std::string(" ") + ::inet_ntop(AF_INET6, &six, network, sizeof network);
}

Error RateLimited(std::chrono::milliseconds wait) {
  return {.code = ErrorCode::rate_limited,
          .detail = fmt::format("Rate limit exceeded: retry in {:.1f} s.",
                                std::ceil(static_cast<double>(wait.count()) / 100) / 10),
          .retry_after = wait};
}

Response RateLimitProblem(const Error& error, RateLimiter& limiter, Limit limit,
                          std::string_view key) {
  Response response = Response::Problem(error);
  if (error.code == ErrorCode::rate_limited) {
    for (auto& header : limiter.Headers(limit, key)) response.headers.push_back(std::move(header));
  }
  return response;
}

RateLimitHeaders HeadersOf(Limit limit, const Rate& rate, double left) {
  const std::string_view policy = kLimitNames[static_cast<size_t>(limit)];
  const double window = std::ceil(rate.burst / rate.per_second);
  const double reset = std::ceil((rate.burst - left) / rate.per_second);
  return {
      {{"RateLimit-Policy", fmt::format("\"{}\";q={:.0f};w={:.0f}", policy, rate.burst, window)},
       {"RateLimit", fmt::format("\"{}\";r={:.0f};t={:.0f}", policy, std::floor(left), reset)}}};
}

}  // namespace parley

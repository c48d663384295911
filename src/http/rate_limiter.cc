#include "http/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace parley {

double RateLimiter::Filled(const Bucket& bucket, Monotonic now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(limits_.burst, bucket.tokens + seconds * limits_.sends_per_second);
}

std::optional<std::chrono::milliseconds> RateLimiter::TakeSend(const UserId& user) {
  if (!limits_.on) return std::nullopt;
  const Monotonic now = clock_.Steady();
  Stripe& stripe = stripes_[std::hash<UserId>()(user) % kStripes];
  const std::lock_guard lock(stripe.mutex);
  if (stripe.buckets.size() > kBucketsPerStripe) {
    std::erase_if(stripe.buckets,
                  [&](const auto& entry) { return Filled(entry.second, now) >= limits_.burst; });
  }
  Bucket& bucket = stripe.buckets.try_emplace(user, Bucket{limits_.burst, now}).first->second;
  bucket.tokens = Filled(bucket, now);
  bucket.at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  refused_.Add();
  const double wait = (1 - bucket.tokens) / limits_.sends_per_second * 1000;
  return std::chrono::milliseconds(static_cast<int64_t>(std::ceil(wait)));
}

}  // namespace parley

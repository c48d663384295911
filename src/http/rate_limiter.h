// How often a user may send: one token bucket each, for the whole node. Thread-safe.
#pragma once
#include <array>
#include <chrono>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/keyed_hash.h"
#include "base/metrics.h"

namespace parley {

struct RateLimits {
  bool on = false;
  double sends_per_second = 20;
  double burst = 100;
};

class RateLimiter {
 public:
  RateLimiter(RateLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // Takes one send from the user's bucket; when it is empty: how long until there is one.
  std::optional<std::chrono::milliseconds> TakeSend(const UserId& user);
  uint64_t refused() const { return refused_.value(); }

 private:
  static constexpr size_t kStripes = 16;
  // A stripe forgets full buckets when it holds more than this.
  static constexpr size_t kBucketsPerStripe = 4096;
  struct Bucket {
    double tokens;
    Monotonic at;
  };
  struct Stripe {
    std::mutex mutex;
    KeyedMap<Bucket> buckets;  // guarded by mutex
  };
  double Filled(const Bucket& bucket, Monotonic now) const;

  const RateLimits limits_;
  const Clock& clock_;
  std::array<Stripe, kStripes> stripes_;
  Counter refused_;
};

}  // namespace parley

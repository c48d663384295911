// How often a user or an address may do something: token buckets, for the whole node.
//
// Threads: any.
// Bounds: at most 16 x kMostPerStripe entries; beyond, an entry is evicted, and its user starts with
// full buckets again.
#pragma once
#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/keyed_hash.h"
#include "base/metrics.h"
#include "http/limit.h"

namespace parley {

struct Rate {
  double per_second = 1;
  double burst = 1;  // of 1 or more
};

struct RateLimits {
  bool on = false;
  std::array<Rate, kLimitCount> rates = {};  // by Limit
  int64_t sockets_per_user = 0;              // open at once on this node; 0: no limit
  int64_t sockets_per_address = 0;
};

class RateLimiter {
 public:
  RateLimiter(RateLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // Takes `cost` from the bucket. nullopt: it was there. Otherwise nothing is taken, and the answer
  // is how long until the attempt would pass. A cost above the burst passes on a full bucket and
  // leaves a debt, so that one large request is possible and the next ones wait for it.
  // `key`: a user id, or AddressKey.
  std::optional<std::chrono::milliseconds> Take(Limit limit, std::string_view key, double cost = 1);

  // What the bucket holds now; 0 for one in debt.
  double Left(Limit limit, std::string_view key);

  bool on() const { return limits_.on; }
  const RateLimits& limits() const { return limits_; }
  const Rate& rate(Limit limit) const { return limits_.rates[static_cast<size_t>(limit)]; }
  uint64_t refused(Limit limit) const { return refused_[static_cast<size_t>(limit)].value(); }
  // A refusal that was decided elsewhere (sockets open at once) under the same metric.
  void CountRefusal(Limit limit) { refused_[static_cast<size_t>(limit)].Add(); }
  size_t entries() const;

 private:
  static constexpr size_t kStripes = 16;
  // A stripe drops full buckets when it holds more than this, at most once a second …
  static constexpr size_t kSweepAbove = 2048;
  // … and never holds more than this.
  static constexpr size_t kMostPerStripe = 4096;
  struct Bucket {
    double tokens;
    Monotonic at;
  };
  using Buckets = std::array<Bucket, kLimitCount>;
  struct Stripe {
    mutable std::mutex mutex;
    KeyedMap<Buckets> entries;  // guarded by mutex
    Monotonic swept{};          // guarded by mutex
  };
  Stripe& StripeOf(std::string_view key) { return stripes_[KeyedHash()(key) % kStripes]; }
  double Filled(Limit limit, const Bucket& bucket, Monotonic now) const;
  bool AllFull(const Buckets& buckets, Monotonic now) const;
  Bucket& BucketOf(Stripe& stripe, Limit limit, std::string_view key, Monotonic now);
  void MakeRoom(Stripe& stripe, Monotonic now);

  const RateLimits limits_;
  const Clock& clock_;
  std::array<Stripe, kStripes> stripes_;
  std::array<Counter, kLimitCount> refused_;
};

// The key of an address: no user id begins with a space. An IPv6 address stands for its /64 network,
// which one subscriber has whole.
std::string AddressKey(std::string_view address);

// The error to answer with. "Rate limit exceeded: retry in 1.5 s."
Error RateLimited(std::chrono::milliseconds wait);

// The values of the headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers).
std::string RateLimitPolicyHeader(Limit limit, const Rate& rate);
std::string RateLimitHeader(Limit limit, const Rate& rate, double left);

}  // namespace parley

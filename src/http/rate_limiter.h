// Rate limits per user and per address: token buckets for the whole node. Nodes can share them by
// exchanging what each has admitted (TakeConsumed, Charge); docs/adr/0016-shared-rate-limits.md.
//
// Threads: any.
// Bounds: at most 16 x kMostPerStripe entries; beyond that, an entry is evicted, and its user starts
// again with full buckets.
#pragma once
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/keyed_hash.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "domain/limit.h"
#include "http/response.h"

namespace parley {

struct Rate {
  double per_second = 1;
  double burst = 1;  // at least 1
};

struct RateLimits {
  bool on = false;
  bool shared = false;                       // other nodes receive what this node admits
  std::array<Rate, kLimitCount> rates = {};  // by Limit
  int64_t sockets_per_user = 0;              // concurrent on this node; 0: no limit
  int64_t sockets_per_address = 0;
};

// The headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers): names and values.
using RateLimitHeaders = std::array<std::pair<std::string, std::string>, 2>;
RateLimitHeaders HeadersOf(Limit limit, const Rate& rate, double left);

// The tokens that one user or address consumed.
struct Consumption {
  Limit limit = Limit::kNone;
  std::string key;
  int64_t tokens = 0;
};

struct SharedLimitCounters {
  Counter sent, received;
  Counter lost;  // not sent, because there was no bus, or not applied, because there was no room
};

class RateLimiter {
 public:
  // A bucket's consumption is shared once it reaches this part of the burst.
  static constexpr double kSharedPart = 1.0 / 20;
  // Charges of other nodes leave a debt of at most this number of bursts.
  static constexpr double kMostDebt = 16;

  RateLimiter(RateLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // Takes `cost` tokens and returns nullopt, or takes nothing and returns the time until a retry would
  // succeed. A cost above the burst succeeds if the bucket is full and leaves a debt, so that one large
  // request is possible and the next ones wait for it. `key`: a user id, or AddressKey.
  std::optional<std::chrono::milliseconds> Take(Limit limit, std::string_view key, double cost = 1);

  // The tokens in the bucket; 0 if it is in debt.
  double Left(Limit limit, std::string_view key);
  // Of a user or address.
  RateLimitHeaders Headers(Limit limit, std::string_view key) {
    return HeadersOf(limit, rate(limit), Left(limit, key));
  }

  // Returns what was taken since the previous call, for the other nodes: the buckets whose unshared
  // consumption has reached kSharedPart of the burst. Empty unless the limits are shared.
  std::vector<Consumption> TakeConsumed();
  // Takes what another node has admitted, which may leave a debt. Dropped if the node has no entry for
  // the key and few free ones.
  void Charge(const Consumption& elsewhere);
  SharedLimitCounters& shared_counters() { return shared_counters_; }
  const SharedLimitCounters& shared_counters() const { return shared_counters_; }

  bool on() const { return limits_.on; }
  const RateLimits& limits() const { return limits_; }
  const Rate& rate(Limit limit) const { return limits_.rates[static_cast<size_t>(limit)]; }
  uint64_t refused(Limit limit) const { return refused_[static_cast<size_t>(limit)].value(); }
  // Counts a refusal by another component (concurrent sockets) in the same metric.
  void CountRefusal(Limit limit) { refused_[static_cast<size_t>(limit)].Add(); }
  size_t entries() const;

 private:
  static constexpr size_t kStripes = 16;
  // Above this size, a stripe drops full buckets, at most once a second.
  static constexpr size_t kSweepAbove = 2048;
  // The maximum size of a stripe.
  static constexpr size_t kMostPerStripe = 4096;
  // The size of a stripe above which charges create no entries, so that other nodes' users do not evict
  // this node's.
  static constexpr size_t kMostCharged = 3072;
  static constexpr size_t kMostUnshared =
      1024;  // keys per stripe between two calls of TakeConsumed
  struct Bucket {
    double tokens;
    Monotonic at;
    double unshared = 0;  // tokens taken that TakeConsumed has not returned yet
  };
  using Buckets = std::array<Bucket, kLimitCount>;
  struct Stripe {
    mutable Mutex mutex;
    KeyedMap<Buckets> entries GUARDED_BY(mutex);
    Monotonic swept GUARDED_BY(mutex) = {};
    // The buckets for TakeConsumed.
    std::vector<std::pair<Limit, std::string>> unshared GUARDED_BY(mutex);
  };
  Stripe& StripeOf(std::string_view key) { return stripes_[KeyedHash()(key) % kStripes]; }
  double Filled(Limit limit, const Bucket& bucket, Monotonic now) const;
  bool AllFull(const Buckets& buckets, Monotonic now) const;
  Bucket& BucketOf(Stripe& stripe, Limit limit, std::string_view key, Monotonic now)
      REQUIRES(stripe.mutex);
  void AddUnshared(Stripe& stripe, Bucket& bucket, Limit limit, std::string_view key, double cost)
      REQUIRES(stripe.mutex);
  void Sweep(Stripe& stripe, Monotonic now) REQUIRES(stripe.mutex);
  void MakeRoom(Stripe& stripe, Monotonic now) REQUIRES(stripe.mutex);

  const RateLimits limits_;
  const Clock& clock_;
  std::array<Stripe, kStripes> stripes_;
  std::array<Counter, kLimitCount> refused_;
  SharedLimitCounters shared_counters_;
};

// The key of an address; it begins with a space, so that it never equals a user id. IPv6 addresses are
// grouped by /64 network, which usually belongs to one customer.
std::string AddressKey(std::string_view address);

// The problem document of an error; if that is rate_limited, with the headers of the limit.
Response RateLimitProblem(const Error& error, RateLimiter& limiter, Limit limit,
                          std::string_view key);

// The error of a refusal: "Rate limit exceeded: retry in 1.5 s."
Error RateLimited(std::chrono::milliseconds wait);

}  // namespace parley

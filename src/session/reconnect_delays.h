// The reconnect delays of clients that are closed because the store is unavailable or overloaded. Each
// client gets a later slot than the previous one, at a rate that the node can serve, so that the clients
// do not all reconnect at once and are refused again. Threads: one per shard.
#pragma once
#include <algorithm>
#include <random>

#include "base/clock.h"

namespace parley {

class ReconnectDelays {
 public:
  static constexpr Duration kShortest = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::seconds(60);
  static constexpr Duration kBetween = std::chrono::milliseconds(4);  // 250 clients a second

  // Returns a delay from kShortest to kLongest, which grows with the number of clients closed before.
  Duration Next(Monotonic now) {
    next_place_ = std::max(next_place_ + kBetween, now);
    const auto place = std::chrono::duration_cast<Duration>(next_place_ - now);
    const Duration jitter = UpTo(kShortest);
    if (kShortest + place + jitter <= kLongest) return kShortest + place + jitter;
    next_place_ = now + kLongest;  // all slots are taken: spread the rest over the last half
    return kLongest / 2 + UpTo(kLongest / 2);
  }
  // A random value between half of `longest` and `longest`.
  Duration Jittered(Duration longest) { return longest / 2 + UpTo(longest / 2); }

 private:
  Duration UpTo(Duration longest) {
    return Duration(std::uniform_int_distribution<int64_t>(0, longest.count())(random_));
  }

  std::minstd_rand random_{std::random_device{}()};
  Monotonic next_place_ = {};
};

}  // namespace parley

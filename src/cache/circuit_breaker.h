// Decides which requests are sent to a dependency that can be dead or slow, so that its failure costs few
// requests their timeout. After a failure, nothing is sent for a pause, which doubles with each failure
// in a row; then a single request is the probe. While the oldest request has no reply for `slow`, no
// further ones are sent behind it.
//
// Threads: any.
#pragma once
#include <cstdint>
#include <map>

#include <tl/expected.hpp>

#include "base/clock.h"
#include "base/mutex.h"

namespace parley {

class CircuitBreaker {
 public:
  struct Options {
    size_t most_at_once = 100;  // requests in progress
    Duration slow = std::chrono::milliseconds(100);
    Duration first_pause = std::chrono::seconds(1);
    Duration longest_pause = std::chrono::seconds(30);
  };
  enum class Refusal : uint8_t { kPaused, kSlow, kFull };
  using Ticket = uint64_t;

  explicit CircuitBreaker(Options options) : options_(options) {}

  // Each ticket ends in one call of Succeeded or Failed.
  tl::expected<Ticket, Refusal> Admit(Monotonic now);
  void Succeeded(Ticket ticket);
  // Returns true for the first failure of a pause.
  bool Failed(Ticket ticket, Monotonic now);

  // Returns false from a failure until a later request succeeds.
  bool closed() const;

 private:
  const Options options_;
  mutable Mutex mutex_;
  std::map<Ticket, Monotonic> in_progress_ GUARDED_BY(mutex_);  // since when; oldest first
  Ticket next_ GUARDED_BY(mutex_) = 0;
  Duration pause_ GUARDED_BY(mutex_){0};  // 0: closed
  Monotonic paused_until_ GUARDED_BY(mutex_) = {};
};

}  // namespace parley

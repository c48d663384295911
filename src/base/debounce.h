// Coalesces requests for a piece of work: the first runs soon, and those that come within the window
// after a run share the next one. Each due time has some jitter, so that nodes which learn of the
// same thing do not act at the same moment. No clock. One thread.
#pragma once
#include <optional>
#include <random>

#include "base/clock.h"

namespace parley {

class Debounce {
 public:
  struct Options {
    Duration jitter;  // a request is due within this
    Duration window;  // between the starts of two runs, at least
  };
  explicit Debounce(Options options, unsigned seed = std::random_device{}())
      : options_(options), random_(seed) {}

  void Request(Monotonic now) {
    if (due_) return;
    std::uniform_int_distribution<int64_t> jitter(0, options_.jitter.count());
    const Monotonic earliest = last_run_ ? std::max(now, *last_run_ + options_.window) : now;
    due_ = earliest + Duration(jitter(random_));
  }
  // True: run now; whatever was requested before is done with it.
  bool TakeDue(Monotonic now) {
    if (!due_ || now < *due_) return false;
    MarkRun(now);
    return true;
  }
  // The work runs for another reason.
  void MarkRun(Monotonic now) {
    due_.reset();
    last_run_ = now;
  }

 private:
  Options options_;
  std::minstd_rand random_;
  std::optional<Monotonic> due_, last_run_;
};

}  // namespace parley

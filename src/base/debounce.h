// Debounces requests for a task: the first request runs soon, and requests within the window after a
// run share the next one. Each due time has jitter, so that nodes that learn of the same change do not
// act at the same moment. Reads no clock. Threads: one.
#pragma once
#include <optional>
#include <random>

#include "base/clock.h"

namespace parley {

class Debounce {
 public:
  struct Options {
    Duration jitter;  // a request is due within this time
    Duration window;  // minimum time between the starts of two runs
  };
  explicit Debounce(Options options, unsigned seed = std::random_device{}())
      : options_(options), random_(seed) {}

  void Request(Monotonic now) {
    if (due_) return;
    std::uniform_int_distribution<int64_t> jitter(0, options_.jitter.count());
    const Monotonic earliest = last_run_ ? std::max(now, *last_run_ + options_.window) : now;
    due_ = earliest + Duration(jitter(random_));
  }
  // Returns true if the task must run now; the run satisfies all earlier requests.
  bool TakeDue(Monotonic now) {
    if (!due_ || now < *due_) return false;
    MarkRun(now);
    return true;
  }
  // Records a run that was started for another reason.
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

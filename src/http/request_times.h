// Request durations by route and status, for the whole node. Threads: any.
#pragma once
#include <map>
#include <string>
#include <utility>

#include "base/metrics.h"
#include "base/mutex.h"

namespace parley {

struct RequestLabels {
  std::string method;
  std::string route;  // a pattern of the router, which bounds the number of labels, or "none"
  int status = 0;
  auto operator<=>(const RequestLabels&) const = default;
};

class RequestTimes {
 public:
  void Observe(RequestLabels labels, std::chrono::steady_clock::duration took) {
    const MutexLock lock(mutex_);
    times_[std::move(labels)].Observe(took);
  }
  template <class F>
  void ForEach(F f) const {
    const MutexLock lock(mutex_);
    for (const auto& [labels, times] : times_) f(labels, times);
  }

 private:
  mutable Mutex mutex_;
  std::map<RequestLabels, Histogram> times_ GUARDED_BY(mutex_);
};

}  // namespace parley

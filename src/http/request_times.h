// Request durations by route and status, for the whole node. Threads: any.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/metrics.h"

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
    const std::lock_guard lock(mutex_);
    times_[std::move(labels)].Observe(took);
  }
  template <class F>
  void ForEach(F f) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [labels, times] : times_) f(labels, times);
  }

 private:
  mutable std::mutex mutex_;
  std::map<RequestLabels, Histogram> times_;  // guarded by mutex_
};

}  // namespace parley

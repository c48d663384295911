// The seconds of a measurement, merged from all loops of a swarm: each loop ends its own seconds one after another, and a
// second is complete when all loops have ended it. Threads: any.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "loadgen/histogram.h"

namespace parley::loadgen {

// One second of a measurement, from the end of the warm-up.
struct Second {
  uint64_t sent = 0, acked = 0, delivered = 0, in_flight = 0;
  uint64_t ready = 0;                  // connections, at the end of the second
  uint64_t p50 = 0, p99 = 0, max = 0;  // of deliveries, microseconds
};

using OnSecond = std::function<void(const Second&)>;

class Timeline {
 public:
  // `on_second`: called for each complete second in their order, one call at a time, by any thread.
  void Begin(size_t loops, OnSecond on_second);
  // The next second of a loop is over. `counts`: what the loop counted; its latencies are in `delivery`. `ready`: the
  // connections of all loops.
  void End(size_t loop, const Second& counts, const Histogram& delivery, uint64_t ready);
  // Completes the seconds that some loops have not ended, and returns all. `keep_empty`: also the last one if nothing
  // happened in it.
  std::vector<Second> Finish(bool keep_empty);

 private:
  struct Open {
    Second second;
    Histogram delivery;
    size_t ended = 0;  // loops that ended it
  };

  void CompleteFirst() REQUIRES(mutex_);

  Mutex mutex_;
  OnSecond on_second_ GUARDED_BY(mutex_);
  std::vector<Second> complete_ GUARDED_BY(mutex_);
  std::deque<Open> open_ GUARDED_BY(mutex_);
  std::vector<size_t> next_
      GUARDED_BY(mutex_);  // of each loop: the index of the second that it ends next
};

}  // namespace parley::loadgen

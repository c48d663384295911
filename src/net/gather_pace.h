// How long the frames of Connection::SendGathered wait: as long as it takes to keep the writes of a shard below a
// rate, and at most kMaxTicks. So few connections wait for one tick, and in a storm of connects, when each presence
// event goes to many connections, each of them gets one write with all events of up to a second. Threads: one shard.
#pragma once
#include <cstddef>

namespace parley {

class GatherPace {
 public:
  // Per tick of 100 ms. A write costs about 10 us, so gathered frames use at most a tenth of a core.
  static constexpr size_t kWritesPerTick = 1'000;
  static constexpr size_t kMaxTicks = 10;

  // Call it at each tick. Returns true if the `waiting` connections are to be written now.
  bool IsDue(size_t waiting) {
    ++ticks_;
    if (waiting > kWritesPerTick * ticks_ && ticks_ < kMaxTicks) return false;
    ticks_ = 0;
    return true;
  }

 private:
  size_t ticks_ = 0;  // since the last writes
};

}  // namespace parley

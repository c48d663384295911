// Messages that were delivered and whose rows have no delivered_at yet. Shards fill the buffer; the
// writer empties it in the background. Entries that could not be written return to the buffer.
//
// Threads: any. Invariants: at most kMaxRuns are held; more are dropped and counted. A dropped message
// gets its delivered_at when it is read.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace parley {

class DeliveredBuffer {
 public:
  static constexpr size_t kMaxRuns = 20'000;

  struct Run {
    Uuid conversation;
    int64_t first = 0, last = 0;  // seqs
    Timestamp at;
  };

  // Returns true if the buffer was empty before.
  bool Note(const Run& run) {
    const MutexLock lock(mutex_);
    const bool was_empty = runs_.empty();
    const auto [place, added] = latest_.try_emplace(run.conversation, runs_.size());
    if (!added) {
      Run& before = runs_[place->second];
      if (run.first <= before.last + 1 && run.last + 1 >= before.first) {  // newest first too
        // The time of the newest message: no message may be delivered before it was sent.
        if (run.last > before.last) before.at = run.at;
        before.first = std::min(before.first, run.first);
        before.last = std::max(before.last, run.last);
        return false;
      }
    }
    if (runs_.size() >= kMaxRuns) {
      if (added) latest_.erase(place);  // it would point behind the last run
      ++dropped_;
      return false;
    }
    place->second = runs_.size();
    runs_.push_back(run);
    return was_empty;
  }

  // Takes the newest `most` runs.
  std::vector<Run> Take(size_t most) {
    const MutexLock lock(mutex_);
    latest_.clear();
    const auto first = runs_.end() - static_cast<std::ptrdiff_t>(std::min(most, runs_.size()));
    std::vector<Run> taken(first, runs_.end());
    runs_.erase(first, runs_.end());
    taken_ = taken;
    return taken;
  }

  // A taken run must be written again, whether or not the others are written.
  void Keep(const Run& run) {
    const MutexLock lock(mutex_);
    kept_.push_back(run);
  }

  // Call it after each Take: the runs are written, or return to the buffer. Returns true if the runs
  // are written but kept runs returned, so that the caller must schedule another write.
  bool Settle(bool written) {
    const MutexLock lock(mutex_);
    const std::vector<Run> kept = std::exchange(kept_, {});
    const std::vector<Run> taken = written ? kept : std::exchange(taken_, {});
    taken_.clear();
    const bool come_back = written && !kept.empty();
    const size_t back = std::min(taken.size(), kMaxRuns - std::min(kMaxRuns, runs_.size()));
    dropped_ += taken.size() - back;
    // Behind the others, which Take prefers, so that a locked row does not delay them.
    latest_.clear();
    runs_.insert(runs_.begin(), taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(back));
    return come_back;
  }

  size_t queued() const {
    const MutexLock lock(mutex_);
    return runs_.size();
  }

  uint64_t dropped() const {
    const MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Run> runs_ GUARDED_BY(mutex_);
  std::vector<Run> taken_ GUARDED_BY(mutex_);                   // and not settled yet
  std::vector<Run> kept_ GUARDED_BY(mutex_);                    // of those taken
  std::unordered_map<Uuid, size_t> latest_ GUARDED_BY(mutex_);  // a conversation's newest run
  uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

}  // namespace parley

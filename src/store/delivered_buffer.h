// Messages that were shown to somebody and whose rows do not say so yet. Filled by shards, emptied by
// the writer in the background; it is bounded, and forgets what it cannot hold: such a message says
// that it was delivered once it is read. What was taken comes back where it could not be written.
// Thread-safe.
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

class DeliveryBook {
 public:
  static constexpr size_t kMaxRuns = 20'000;

  struct Run {
    Uuid conversation;
    int64_t first = 0, last = 0;  // seqs
    Timestamp at;
  };

  // True: it was empty before.
  bool Note(const Run& run) {
    const MutexLock lock(mutex_);
    const bool was_empty = runs_.empty();
    const auto [place, added] = latest_.try_emplace(run.conversation, runs_.size());
    if (!added) {
      Run& before = runs_[place->second];
      if (run.first <= before.last + 1 && run.last >= before.first) {
        // With the time of the newest message in it: none was delivered before it was sent.
        if (run.last > before.last) before.at = run.at;
        before.first = std::min(before.first, run.first);
        before.last = std::max(before.last, run.last);
        return false;
      }
    }
    if (runs_.size() >= kMaxRuns) {
      ++dropped_;
      return false;
    }
    place->second = runs_.size();
    runs_.push_back(run);
    return was_empty;
  }

  // The newest `most` runs.
  std::vector<Run> Take(size_t most) {
    const MutexLock lock(mutex_);
    latest_.clear();
    const auto first = runs_.end() - static_cast<std::ptrdiff_t>(std::min(most, runs_.size()));
    std::vector<Run> taken(first, runs_.end());
    runs_.erase(first, runs_.end());
    taken_ = taken;
    return taken;
  }

  // A run of those taken must be written again, whatever becomes of the others.
  void Keep(const Run& run) {
    const MutexLock lock(mutex_);
    kept_.push_back(run);
  }

  // After each Take: it is written, or must be written again. True: kept runs have come back although
  // the others are written, and nothing else will ask for them.
  bool Settle(bool written) {
    const MutexLock lock(mutex_);
    const std::vector<Run> kept = std::exchange(kept_, {});
    const std::vector<Run> taken = written ? kept : std::exchange(taken_, {});
    taken_.clear();
    const bool come_back = written && !kept.empty();
    const size_t back = std::min(taken.size(), kMaxRuns - std::min(kMaxRuns, runs_.size()));
    dropped_ += taken.size() - back;
    // Behind the others, which Take prefers: one row that is locked does not keep them waiting.
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

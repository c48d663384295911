// Times when users were last seen that are not in their rows yet. Shards fill the buffer; the writer
// empties it in the background. Entries that could not be written return to the buffer.
//
// Threads: any. Invariants: at most kMaxUsers are held; more are dropped and counted.
#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace parley {

class LastSeenBuffer {
 public:
  static constexpr size_t kMaxUsers = 200'000;

  // Returns true if the buffer was empty before.
  bool Note(const UserId& user, Timestamp at) {
    const MutexLock lock(mutex_);
    const bool was_empty = users_.empty();
    return Keep(user, at) && was_empty;
  }

  std::optional<Timestamp> Find(const UserId& user) const {
    const MutexLock lock(mutex_);
    for (const auto* users : {&users_, &taken_}) {
      const auto found = users->find(user);
      if (found != users->end()) return found->second;
    }
    return std::nullopt;
  }

  // Sorted by id, so that nodes that write the same rows do not deadlock.
  std::map<UserId, Timestamp> Take(size_t most) {
    const MutexLock lock(mutex_);
    while (!users_.empty() && taken_.size() < most) taken_.insert(users_.extract(users_.begin()));
    return {taken_.begin(), taken_.end()};
  }

  // Call it after each Take: the entries are written, or return to the buffer.
  void Settle(bool written) {
    const MutexLock lock(mutex_);
    const auto taken = std::exchange(taken_, {});
    if (written) return;
    for (const auto& [user, at] : taken) Keep(user, at);
  }

  size_t queued() const {
    const MutexLock lock(mutex_);
    return users_.size();
  }
  uint64_t dropped() const {
    const MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  bool Keep(const UserId& user, Timestamp at) REQUIRES(mutex_) {
    if (users_.size() >= kMaxUsers && !users_.contains(user)) {
      ++dropped_;
      return false;
    }
    Timestamp& last = users_[user];
    last.micros = std::max(last.micros, at.micros);
    return true;
  }

  mutable Mutex mutex_;
  KeyedMap<Timestamp> users_ GUARDED_BY(mutex_);
  KeyedMap<Timestamp> taken_ GUARDED_BY(mutex_);  // and not settled yet
  uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

}  // namespace parley

// When users were last seen, where their rows do not say so yet. Filled by shards, emptied by the
// writer in the background. Bounded: what it cannot hold is forgotten. What was taken comes back where
// it could not be written. Thread-safe.
#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace parley {

class SeenBook {
 public:
  static constexpr size_t kMaxUsers = 200'000;

  // True: it was empty before.
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

  // In the order of their ids: two nodes that write about the same users do not wait for each other.
  std::map<UserId, Timestamp> Take(size_t most) {
    const MutexLock lock(mutex_);
    while (!users_.empty() && taken_.size() < most) taken_.insert(users_.extract(users_.begin()));
    return {taken_.begin(), taken_.end()};
  }

  // After each Take: it is written, or must be written again.
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

// When users were last seen, where their rows do not say so yet. Filled by shards, emptied by the
// writer in the background. Bounded: what it cannot hold is forgotten. Thread-safe.
#pragma once
#include <algorithm>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

class SeenBook {
 public:
  static constexpr size_t kMaxUsers = 200'000;

  // True: it was empty before.
  bool Note(const UserId& user, Timestamp at) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = users_.empty();
    if (users_.size() >= kMaxUsers && !users_.contains(user)) return false;
    Timestamp& last = users_[user];
    last.micros = std::max(last.micros, at.micros);
    return was_empty;
  }

  std::optional<Timestamp> Find(const UserId& user) const {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return std::nullopt;
    return found->second;
  }

  std::vector<std::pair<UserId, Timestamp>> Take(size_t most) {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<UserId, Timestamp>> taken;
    while (!users_.empty() && taken.size() < most) {
      taken.emplace_back(*users_.begin());
      users_.erase(users_.begin());
    }
    return taken;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<UserId, Timestamp> users_;  // guarded by mutex_
};

}  // namespace parley

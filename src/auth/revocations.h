// The revocations that this node has read. An entry is dropped when every token that it can affect has
// expired. Threads: any.
#pragma once
#include <algorithm>
#include <atomic>
#include <deque>
#include <string>

#include "base/keyed_hash.h"
#include "base/mutex.h"
#include "domain/revocation.h"

namespace parley {

class Revocations {
 public:
  // Adding a revocation again has no effect.
  void Add(const Revocation& revocation) {
    const MutexLock lock(mutex_);
    bool changed = false;
    if (revocation.jti) {
      Timestamp& made_at = tokens_[*revocation.jti];
      changed = made_at < revocation.made_at;
      if (changed) made_at = revocation.made_at;
    }
    if (revocation.user) {
      OfUser& user = users_[*revocation.user];
      changed = user.issued_before < revocation.issued_before || user.made_at < revocation.made_at;
      user.issued_before = std::max(user.issued_before, revocation.issued_before);
      user.made_at = std::max(user.made_at, revocation.made_at);
    }
    if (!changed) return;
    by_age_.push_back(revocation);
    size_.store(tokens_.size() + users_.size(), std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_release);
  }

  // Drops revocations made before `time`, approximately in insertion order.
  void DropMadeBefore(Timestamp time) {
    const MutexLock lock(mutex_);
    for (; !by_age_.empty() && by_age_.front().made_at < time; by_age_.pop_front()) {
      const Revocation& old = by_age_.front();
      if (old.jti) EraseIfOld(tokens_, *old.jti, time, [](Timestamp made_at) { return made_at; });
      if (old.user) {
        EraseIfOld(users_, *old.user, time, [](const OfUser& user) { return user.made_at; });
      }
    }
    size_.store(tokens_.size() + users_.size(), std::memory_order_relaxed);
  }

  // A token without iat counts as issued before any time.
  bool Has(const UserId& user, const std::string& jti,
           const std::optional<Timestamp>& issued_at) const {
    if (version() == 0) return false;
    const MutexLock lock(mutex_);
    if (!jti.empty() && tokens_.contains(jti)) return true;
    const auto found = users_.find(user);
    return found != users_.end() && (!issued_at || *issued_at <= found->second.issued_before);
  }

  // Increases with every addition: a session that has checked this version need not check again.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // The number of revoked tokens and users.
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct OfUser {
    Timestamp issued_before{INT64_MIN};
    Timestamp made_at;  // time of the latest revocation
  };
  template <class Map, class MadeAt>
  static void EraseIfOld(Map& map, const std::string& key, Timestamp time, MadeAt made_at) {
    const auto found = map.find(key);
    if (found != map.end() && made_at(found->second) < time) map.erase(found);
  }

  mutable Mutex mutex_;
  KeyedMap<Timestamp> tokens_ GUARDED_BY(mutex_);  // jti -> time of revocation
  KeyedMap<OfUser> users_ GUARDED_BY(mutex_);
  std::deque<Revocation> by_age_ GUARDED_BY(mutex_);
  std::atomic<size_t> size_{0};
  std::atomic<uint64_t> version_{0};
};

}  // namespace parley

// What has been revoked, as far as this node has heard. Thread-safe.
#pragma once
#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "domain/revocation.h"

namespace parley {

class Revocations {
 public:
  void Add(const Revocation& revocation) {
    const std::lock_guard lock(mutex_);
    if (revocation.jti) tokens_.insert(*revocation.jti);
    if (revocation.user) {
      Timestamp& before = users_[*revocation.user];
      before.micros = std::max(before.micros, revocation.issued_before.micros);
    }
    version_.fetch_add(1, std::memory_order_release);
  }

  // A token without iat counts as issued before everything.
  bool Has(const UserId& user, const std::string& jti,
           const std::optional<Timestamp>& issued_at) const {
    if (version() == 0) return false;
    const std::lock_guard lock(mutex_);
    if (!jti.empty() && tokens_.contains(jti)) return true;
    const auto found = users_.find(user);
    return found != users_.end() && (!issued_at || issued_at->micros <= found->second.micros);
  }

  // Grows with every one added: who has asked at this one need not ask again.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> tokens_;       // guarded by mutex_
  std::unordered_map<UserId, Timestamp> users_;  // guarded by mutex_
  std::atomic<uint64_t> version_{0};
};

}  // namespace parley

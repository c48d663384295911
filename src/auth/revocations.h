// What has been revoked, as far as this node has heard. Thread-safe.
#pragma once
#include <mutex>
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
    last_id_ = std::max(last_id_, revocation.id);
    any_.store(true, std::memory_order_release);
  }

  // A token without iat counts as issued before everything.
  bool Has(const UserId& user, const std::string& jti,
           const std::optional<Timestamp>& issued_at) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(mutex_);
    if (!jti.empty() && tokens_.contains(jti)) return true;
    const auto found = users_.find(user);
    return found != users_.end() && (!issued_at || issued_at->micros <= found->second.micros);
  }

  // The newest that was heard of.
  int64_t last_id() const {
    const std::lock_guard lock(mutex_);
    return last_id_;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> tokens_;       // guarded by mutex_
  std::unordered_map<UserId, Timestamp> users_;  // guarded by mutex_
  int64_t last_id_ = 0;                          // guarded by mutex_
  std::atomic<bool> any_{false};
};

}  // namespace parley

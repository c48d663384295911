// The keys of one issuer, replaced as a whole when they are rotated. Thread-safe.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/key.h"

namespace parley {

struct NamedKey {
  std::string kid;  // empty: it has no name, and serves whatever kid a token gives
  Key key;
};
using KeyList = std::vector<NamedKey>;

class KeyRing {
 public:
  explicit KeyRing(KeyList keys = {}) { Replace(std::move(keys)); }

  std::shared_ptr<const KeyList> keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }
  void Replace(KeyList keys) {
    auto fresh = std::make_shared<const KeyList>(std::move(keys));
    const std::lock_guard lock(mutex_);
    keys_ = std::move(fresh);
  }

  // A token named a key that is not here: there may be a newer set.
  void Miss() { missed_.store(true, std::memory_order_relaxed); }
  bool TakeMiss() { return missed_.exchange(false, std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const KeyList> keys_;  // guarded by mutex_
  std::atomic<bool> missed_{false};
};

}  // namespace parley

// The keys of one issuer, replaced as a whole by a rotation. Threads: any.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "auth/key.h"
#include "base/mutex.h"

namespace parley {

struct NamedKey {
  std::string kid;  // empty: the key has no id and matches every kid
  Key key;
};
using KeyList = std::vector<NamedKey>;

class KeyRing {
 public:
  explicit KeyRing(KeyList keys = {}) { Replace(std::move(keys)); }

  std::shared_ptr<const KeyList> keys() const {
    const MutexLock lock(mutex_);
    return keys_;
  }
  void Replace(KeyList keys) {
    auto fresh = std::make_shared<const KeyList>(std::move(keys));
    const MutexLock lock(mutex_);
    keys_ = std::move(fresh);
    version_.fetch_add(1, std::memory_order_release);
  }
  // Changes whenever the keys are replaced.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // `fingerprint` is that of Key::fingerprint.
  bool Holds(uint64_t fingerprint) const {
    return std::ranges::any_of(
        *keys(), [&](const NamedKey& named) { return named.key.fingerprint() == fingerprint; });
  }

  // Records that a token named an unknown key, so that a newer set may be available.
  void Miss() { missed_.store(true, std::memory_order_relaxed); }
  bool TakeMiss() { return missed_.exchange(false, std::memory_order_relaxed); }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const KeyList> keys_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> version_{0};
  std::atomic<bool> missed_{false};
};

}  // namespace parley

// Values by key, bounded by the bytes that their owner counts for them. Beyond the bound, the value that was
// used least recently is removed. Threads: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

#include "base/metrics.h"

namespace parley {

template <class Key, class Value, class Hash = std::hash<Key>>
class LruByBytes {
 public:
  // `gauge` has the bytes of all values of all owners.
  LruByBytes(size_t max_bytes, Gauge& gauge) : max_bytes_(max_bytes), gauge_(gauge) {}
  ~LruByBytes() { gauge_.Add(-static_cast<int64_t>(bytes_)); }
  LruByBytes(const LruByBytes&) = delete;
  LruByBytes& operator=(const LruByBytes&) = delete;

  // Returns the value if `accept(value)` is true, as the one that was used last; otherwise nullptr.
  template <class Accept>
  Value* FindIf(const Key& key, Accept accept) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end() || !accept(std::as_const(found->second->value))) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front().value;
  }
  // Returns the value if there is one. Does not count as a use.
  const Value* Peek(const Key& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second->value;
  }
  // Returns the value of this key, made if there is none, as the one that was used last.
  Value& Use(const Key& key) {
    auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      entries_.push_front({.key = key});
      found = by_key_.emplace(key, entries_.begin()).first;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().value;
  }
  // Counts the value that was used last with this many bytes, and removes others until the bound holds.
  void CountLastUsed(size_t bytes) {
    Count(entries_.front(), bytes);
    while (bytes_ > max_bytes_ && entries_.size() > 1) RemoveLast();
  }

 private:
  struct Entry {
    Key key;
    Value value = {};
    size_t bytes = 0;
  };
  using Place = typename std::list<Entry>::iterator;

  void Count(Entry& entry, size_t bytes) {
    gauge_.Add(static_cast<int64_t>(bytes) - static_cast<int64_t>(entry.bytes));
    bytes_ += bytes - entry.bytes;
    entry.bytes = bytes;
  }
  void RemoveLast() {
    const Place last = std::prev(entries_.end());
    Count(*last, 0);
    by_key_.erase(last->key);
    entries_.erase(last);
  }

  const size_t max_bytes_;
  Gauge& gauge_;
  std::list<Entry> entries_;  // the least recently used one is last
  std::unordered_map<Key, Place, Hash, std::equal_to<>> by_key_;
  size_t bytes_ = 0;
};

}  // namespace parley

// Ids that were seen lately, in bounded memory. Threads: one.
#pragma once
#include <deque>
#include <unordered_set>

#include "base/clock.h"
#include "base/ids.h"

namespace parley::django {

class RecentIds {
 public:
  RecentIds(size_t most, Duration kept) : most_(most), kept_(kept) {}

  // Returns false if the id was added before, unless it is among the oldest, or too long ago.
  bool Add(const Uuid& id, Monotonic now) {
    while (!order_.empty() && (order_.size() >= most_ || order_.front().second + kept_ <= now)) {
      ids_.erase(order_.front().first);
      order_.pop_front();
    }
    if (!ids_.insert(id).second) return false;
    order_.emplace_back(id, now);
    return true;
  }

 private:
  const size_t most_;
  const Duration kept_;
  std::unordered_set<Uuid> ids_;
  std::deque<std::pair<Uuid, Monotonic>> order_;
};

}  // namespace parley::django

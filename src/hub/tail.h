// The newest events of one conversation, encoded, without a hole: what resume and catch-up read
// before anybody asks the store. One shard's thread.
#pragma once
#include <cstdint>
#include <vector>

#include "protocol/events.h"

namespace parley {

class Tail {
 public:
  static constexpr size_t kMaxEvents = 256;
  static constexpr size_t kMaxBytes = 256 * 1024;

  // The event that follows the last one; after a jump in seq the tail starts anew with it.
  void Push(EventRef event);
  void Clear();
  // Drops everything up to the last event about that subject (Event::subject): what they show is no
  // longer so, and a replay tells things as they are now.
  void Forget(int64_t about_seq);

  // Does the tail hold everything after `since` (and something)?
  bool Covers(int64_t since) const {
    return head_ < events_.size() && since < events_.back()->seq &&
           events_[head_]->seq <= since + 1;
  }
  // Is this event of the store one that the tail holds?
  bool Holds(const Event& event) const;
  // Events after `since`, which Covers, oldest first: at least one, then while both bounds hold.
  std::vector<EventRef> After(int64_t since, size_t max_events, size_t max_bytes) const;

  // What its events cost: CostOf.
  size_t bytes() const { return bytes_; }

 private:
  void DropFront();

  std::vector<EventRef> events_;  // those before head_ are dropped already
  size_t head_ = 0;
  size_t bytes_ = 0;
};

}  // namespace parley

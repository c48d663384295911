// A cache of a conversation's newest events, encoded and without gaps. Resume and catch-up read it
// before the store. Threads: one shard.
#pragma once
#include <cstdint>
#include <vector>

#include "protocol/event.h"

namespace parley {

class Tail {
 public:
  static constexpr size_t kMaxEvents = 256;
  static constexpr size_t kMaxBytes = 384 * 1024;

  // Appends the next event. If its seq is not the next one, the tail is cleared first.
  void Push(EventRef event);
  void Clear();
  // Drops all events up to the last event about the message with this seq (Event::about_seq): the
  // message has changed, and a replay sends its current state.
  void Forget(int64_t about_seq);

  // Returns true if the tail contains every event after `since`, and at least one.
  bool Covers(int64_t since) const {
    return head_ < events_.size() && since < events_.back()->seq &&
           events_[head_]->seq <= since + 1;
  }
  // Returns true if the tail contains this event of the store.
  bool Holds(const Event& event) const;
  // Returns the events after `since`, oldest first: at least one, then while both limits hold.
  // Requires Covers(since).
  std::vector<EventRef> After(int64_t since, size_t max_events, size_t max_bytes) const;

  // The size of the events, by CostOf.
  size_t bytes() const { return bytes_; }

 private:
  void DropFront();

  std::vector<EventRef> events_;  // events before head_ are already dropped
  size_t head_ = 0;
  size_t bytes_ = 0;
};

}  // namespace parley

// Delivers the presence events of conversations to the feeds of this shard. While few users come and go, an event is
// delivered at once. In a storm, the changes of a conversation wait for each other, so that its n subscribers cost n
// writes per batch instead of n writes per change, and the data of a connection is in the CPU cache for the batch.
//
// Invariants: a feed receives the changes of its conversation in order, and those before the next other event of the
// conversation precede that event (call Flush first). Errors: none. Threads: one shard.
#pragma once
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "hub/home.h"
#include "hub/subscription_table.h"

namespace parley {

class PresenceBatches {
 public:
  // Per tick of 100 ms: at this many writes, an event at once still costs less than 1 % of a core.
  static constexpr size_t kPromptWrites = 200;
  // Per tick, including those: a write costs about 10 us, so presence uses at most a tenth of a core, until batches are
  // kMaxTicks old.
  static constexpr size_t kWritesPerTick = 1'000;
  static constexpr uint64_t kMaxTicks = 10;
  // When more bytes of changes wait, the oldest batch is delivered at once.
  static constexpr size_t kMaxBytes = 1024 * 1024;

  PresenceBatches(SubscriptionTable& table, HubCounters& counters)
      : table_(table), counters_(counters) {}
  ~PresenceBatches() { CountBytes(0); }
  PresenceBatches(const PresenceBatches&) = delete;
  PresenceBatches& operator=(const PresenceBatches&) = delete;

  // Delivers a presence event to the live feeds of its conversation, or adds it to their batch.
  void Deliver(const EventRef& event);
  // Delivers the batch of the conversation.
  void Flush(const Uuid& conversation) {
    if (!batches_.empty()) FlushWaiting(conversation);
  }
  // The feed does not receive the changes that wait now: what its client is told next reflects them.
  void Skip(Feed& feed) const;
  // Call it ten times per second.
  void OnTick();

 private:
  struct Change {
    UserId user;
    bool online;
  };
  struct Batch {
    Uuid conversation;
    uint64_t tick;  // of the first change
    size_t bytes = 0;
    std::vector<Change> changes;
  };
  using Batches = std::list<Batch>;

  void Add(const Event& event);
  void FlushWaiting(const Uuid& conversation);
  // Delivers the oldest batch; returns the number of writes.
  size_t FlushOldest() { return Flush(batches_.begin()); }
  size_t Flush(Batches::iterator batch);
  size_t Send(const Uuid& conversation, std::span<const EventRef> events);
  void CountBytes(size_t bytes);

  SubscriptionTable& table_;
  HubCounters& counters_;
  Batches batches_;  // in the order of their first change
  std::unordered_map<Uuid, Batches::iterator> by_conversation_;
  size_t bytes_ = 0;          // of all changes; also in HubCounters::presence_bytes
  size_t prompt_writes_ = 0;  // since the last tick
  uint64_t tick_ = 0;
};

}  // namespace parley

// The recent stages of messages on one shard, for `parley trace`: a ring of bounded size, without locks and
// without message content. A message is identified by its conversation and seq. Threads: one shard.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "protocol/event.h"

namespace parley {

enum class TraceStage : uint8_t {
  kCommitted,  // the home shard knows that the store has committed the message
  kDelivered,  // queued to sockets of this shard that are not behind
  kCaughtUp,   // queued to one socket of this shard, in a page of a resume or for a slow reader
};

struct TraceEntry {
  Uuid conversation;
  int64_t first_seq = 0, last_seq = 0;  // equal, except for pages
  Timestamp at;
  TraceStage stage = TraceStage::kCommitted;
  Origin origin = Origin::kThisNode;  // kDelivered: how the event reached this node
  bool published = false;             // kCommitted: handed to the bus for the other nodes
};

class TraceLog {
 public:
  // Keeps the last `entries`, rounded up to whole chunks. Memory is allocated when it is first used,
  // and counted in `bytes`.
  TraceLog(size_t entries, Gauge& bytes);

  void Add(const TraceEntry& entry) {
    if (next_ == chunks_.size() * kChunk && chunks_.size() < most_chunks_) Grow();
    if (next_ == most_chunks_ * kChunk) Wrap();
    (*chunks_[next_ / kChunk])[next_ % kChunk] = entry;
    ++next_;
  }

  // The entries of one message, oldest first.
  std::vector<TraceEntry> Find(const Uuid& conversation, int64_t seq) const;
  // Earlier entries have been overwritten; 0 if none has.
  Timestamp overwritten_until() const;

 private:
  static constexpr size_t kChunk = 1024;
  using Chunk = std::array<TraceEntry, kChunk>;
  void Grow();
  void Wrap() {
    next_ = 0;
    wrapped_ = true;
  }

  const size_t most_chunks_;
  Gauge& bytes_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  size_t next_ = 0;  // position of the next entry
  bool wrapped_ = false;
};

}  // namespace parley

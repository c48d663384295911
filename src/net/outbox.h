// What waits to be written to one connection: a queue of shared frames, counted in bytes. It knows
// no socket. One shard's thread.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace parley {

enum class SendStatus {
  kQueued,  // will be written
  kFull,    // over the byte limit: nothing was queued, the caller falls back to catch-up
};

class Outbox {
 public:
  bool empty() const { return head_ == queue_.size(); }
  size_t bytes() const { return bytes_; }

  void Push(SharedBytes frame) {
    bytes_ += frame.size();
    queue_.push_back(std::move(frame));
  }

  // Points `parts` at what is queued, oldest first; returns how many of them were filled.
  size_t Gather(std::span<iovec> parts) const;

  // Forgets everything but the rest of a frame that is half written, and frames that hold any of the
  // first `owed` bytes of what is queued.
  void DropUnstarted(size_t owed = 0);

  // Forgets the first `written` bytes.
  void Consume(size_t written);

 private:
  std::vector<SharedBytes> queue_;
  size_t head_ = 0;    // index of the oldest frame
  size_t offset_ = 0;  // bytes of it that are written
  size_t bytes_ = 0;
};

}  // namespace parley

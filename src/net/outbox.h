// The queue of shared frames to write to one connection, counted in bytes. It performs no I/O. Threads:
// one shard.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace parley {

enum class SendStatus {
  kQueued,  // will be written
  kFull,    // over the byte limit: the frame was not queued, and the caller uses catch-up
};

class Outbox {
 public:
  bool empty() const { return head_ == queue_.size(); }
  size_t bytes() const { return bytes_; }

  void Push(SharedBytes frame) {
    bytes_ += frame.size();
    queue_.push_back(std::move(frame));
  }

  // Points `parts` at the queued frames, oldest first; returns the number of parts.
  size_t Gather(std::span<iovec> parts) const;

  // Drops all frames except a partly written one, and frames that contain any of the first `owed` queued
  // bytes.
  void DropUnstarted(size_t owed = 0);

  // Removes the first `written` bytes.
  void Consume(size_t written);

 private:
  std::vector<SharedBytes> queue_;
  size_t head_ = 0;    // index of the oldest frame
  size_t offset_ = 0;  // bytes of it that are already written
  size_t bytes_ = 0;
};

}  // namespace parley

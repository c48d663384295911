#include "net/outbox.h"

#include <algorithm>

namespace parley {
namespace {

// An empty queue keeps this capacity; a larger one is released, so that an idle connection that
// once fell behind does not keep more memory than others.
constexpr size_t kKeptCapacity = 4;

}  // namespace

size_t Outbox::Gather(std::span<iovec> parts) const {
  const size_t count = std::min(parts.size(), queue_.size() - head_);
  for (size_t i = 0; i < count; ++i) {
    std::string_view bytes = queue_[head_ + i].view();
    if (i == 0) bytes.remove_prefix(offset_);
    parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
  }
  return count;
}

void Outbox::DropUnstarted(size_t owed) {
  size_t keep = head_;
  for (size_t end = 0;
       keep < queue_.size() && (end < offset_ + owed || (keep == head_ && offset_ > 0)); ++keep) {
    end += queue_[keep].size();
  }
  while (queue_.size() > keep) {
    bytes_ -= queue_.back().size();
    queue_.pop_back();
  }
}

void Outbox::Consume(size_t written) {
  bytes_ -= written;
  offset_ += written;
  while (head_ < queue_.size() && offset_ >= queue_[head_].size()) {
    offset_ -= queue_[head_].size();
    queue_[head_++] = SharedBytes();
  }
  if (empty()) {
    head_ = 0;
    if (queue_.capacity() > kKeptCapacity) {
      std::vector<SharedBytes>().swap(queue_);
    } else {
      queue_.clear();
    }
  } else if (head_ > 64 && head_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace parley

#include "hub/trace_log.h"

#include <algorithm>

namespace parley {

TraceLog::TraceLog(size_t entries, Gauge& bytes)
    : most_chunks_(std::max<size_t>(1, (entries + kChunk - 1) / kChunk)), bytes_(bytes) {}

void TraceLog::Grow() {
  chunks_.push_back(std::make_unique<Chunk>());
  bytes_.Add(sizeof(Chunk));
}

std::vector<TraceEntry> TraceLog::Find(const Uuid& conversation, int64_t seq) const {
  std::vector<TraceEntry> found;
  const size_t size = wrapped_ ? chunks_.size() * kChunk : next_;
  const size_t oldest = wrapped_ ? next_ : 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t at = (oldest + i) % size;
    const TraceEntry& entry = (*chunks_[at / kChunk])[at % kChunk];
    if (entry.conversation == conversation && entry.first_seq <= seq && seq <= entry.last_seq) {
      found.push_back(entry);
    }
  }
  return found;
}

Timestamp TraceLog::overwritten_until() const {
  if (!wrapped_) return {};
  const size_t oldest = next_ % (chunks_.size() * kChunk);
  return (*chunks_[oldest / kChunk])[oldest % kChunk].at;
}

}  // namespace parley

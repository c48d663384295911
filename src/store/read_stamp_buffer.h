// Ranges of messages that a read mark has passed and whose rows have no read_at yet. A background writer
// stamps them in bounded batches, so that the first visit to a history of a million messages does not
// delay other writes.
//
// Threads: any. Invariants: at most kMaxRanges are held; more are dropped and counted.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace parley {

struct ReadRange {
  Uuid conversation;
  UserId reader;
  int64_t after = 0, last = 0;  // seqs: after < seq <= last
  Timestamp at;
};

class ReadStampBuffer {
 public:
  static constexpr size_t kMaxRanges = 50'000;
  // Maximum messages of one range in a batch, so that all ranges progress.
  static constexpr int64_t kMessagesOfOne = 500;

  // A range that continues the reader's last one becomes part of it.
  void Note(ReadRange range) {
    const MutexLock lock(mutex_);
    const std::string key = KeyOf(range);
    if (const auto newest = newest_.find(key); newest != newest_.end()) {
      ReadRange& before = ranges_[newest->second - taken_count_];
      if (before.last == range.after) {
        before.last = range.last;
        before.at = range.at;  // no message was read before it was sent
        return;
      }
    }
    if (PutBack(std::move(range))) newest_[key] = taken_count_ + ranges_.size() - 1;
  }

  // Takes ranges of at most `messages` messages in total, sorted by row. A long range is split; its newest
  // part is taken first.
  std::vector<ReadRange> Take(size_t limit, int64_t messages) {
    const MutexLock lock(mutex_);
    while (!ranges_.empty() && taken_.size() < limit && messages > 0) {
      ReadRange range = std::move(ranges_.front());
      ranges_.pop_front();
      const auto newest = newest_.find(KeyOf(range));
      if (newest != newest_.end() && newest->second == taken_count_) newest_.erase(newest);
      ++taken_count_;
      const int64_t some = std::min({range.last - range.after, kMessagesOfOne, messages});
      messages -= some;
      if (range.last - some > range.after) {
        ReadRange rest = range;
        rest.last = range.last - some;
        ranges_.push_back(std::move(rest));
      }
      range.after = range.last - some;
      taken_.push_back(std::move(range));
    }
    std::ranges::sort(taken_, {}, [](const ReadRange& range) {
      return std::pair(range.conversation, range.after);
    });
    return taken_;
  }

  // A taken range could not be stamped completely, whether or not the others are.
  void Keep(const ReadRange& range) {
    const MutexLock lock(mutex_);
    kept_.push_back(range);
  }

  // Call it after each Take: the ranges are written, or return to the end of the queue. Returns true if the
  // ranges are written but kept ranges returned, so that the caller must schedule another write.
  bool Settle(bool written) {
    const MutexLock lock(mutex_);
    std::vector<ReadRange> taken = std::exchange(taken_, {});
    std::vector<ReadRange> kept = std::exchange(kept_, {});
    const bool come_back = written && !kept.empty();
    for (ReadRange& range : written ? kept : taken) PutBack(std::move(range));
    return come_back;
  }

  size_t queued() const {
    const MutexLock lock(mutex_);
    return ranges_.size();
  }
  uint64_t dropped() const {
    const MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  // The key of the conversation and the reader.
  static std::string KeyOf(const ReadRange& range) {
    return range.conversation.ToString() + range.reader;
  }
  bool PutBack(ReadRange range) REQUIRES(mutex_) {
    if (ranges_.size() >= kMaxRanges) {
      ++dropped_;
      return false;
    }
    ranges_.push_back(std::move(range));
    return true;
  }

  mutable Mutex mutex_;
  std::deque<ReadRange> ranges_ GUARDED_BY(mutex_);
  // The number of the first range in `ranges_`.
  uint64_t taken_count_ GUARDED_BY(mutex_) = 0;
  // The number of the last range that was noted, by KeyOf.
  KeyedMap<uint64_t> newest_ GUARDED_BY(mutex_);
  std::vector<ReadRange> taken_ GUARDED_BY(mutex_);  // being written
  std::vector<ReadRange> kept_ GUARDED_BY(mutex_);   // of those taken
  uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

}  // namespace parley

// Ranges of messages that a read mark has passed and whose rows have no read_at yet. A background writer
// stamps them in bounded pieces: a first visit to a history of a million messages holds up nobody.
//
// Threads: any. At most kMaxRanges are held; one beyond them is dropped and counted.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

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
  // Of one range in a piece: the others get their turn.
  static constexpr int64_t kMessagesOfOne = 500;

  void Note(ReadRange range) {
    const std::lock_guard lock(mutex_);
    PutBack(std::move(range));
  }

  // Ranges of at most `messages` messages together, in the order of their rows. Of a long range its newest
  // part comes first.
  std::vector<ReadRange> Take(size_t limit, int64_t messages) {
    const std::lock_guard lock(mutex_);
    while (!ranges_.empty() && taken_.size() < limit && messages > 0) {
      ReadRange range = std::move(ranges_.front());
      ranges_.pop_front();
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

  // A range of those taken could not be stamped wholly, whatever becomes of the others.
  void Keep(const ReadRange& range) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(range);
  }

  // After each Take: they are written, or must be taken again, after those that wait. True: kept ranges have
  // come back although the others are written, and nothing else will ask for them.
  bool Settle(bool written) {
    const std::lock_guard lock(mutex_);
    std::vector<ReadRange> taken = std::exchange(taken_, {});
    std::vector<ReadRange> kept = std::exchange(kept_, {});
    const bool come_back = written && !kept.empty();
    for (ReadRange& range : written ? kept : taken) PutBack(std::move(range));
    return come_back;
  }

  size_t queued() const {
    const std::lock_guard lock(mutex_);
    return ranges_.size();
  }
  uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  void PutBack(ReadRange range) {
    if (ranges_.size() >= kMaxRanges) {
      ++dropped_;
      return;
    }
    ranges_.push_back(std::move(range));
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<ReadRange> ranges_;
  std::vector<ReadRange> taken_;  // being written
  std::vector<ReadRange> kept_;   // of those taken
  uint64_t dropped_ = 0;
};

}  // namespace parley

// Read marks that clients have moved and that are not in their rows yet. Reads of the store also look here,
// so that a client reads its own writes. A background writer empties the buffer in batches.
//
// Threads: any. Invariants: a mark only moves forward; at most kMaxMarks are held, more are refused. A mark
// stays readable for kReadable after it was written, because a snapshot that began before the write does
// not contain it.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace parley {

struct ReadMarkAt {
  Uuid conversation;
  UserId user;
  int64_t seq = 0;
  Timestamp at;
};

class ReadMarkBuffer {
 public:
  static constexpr size_t kMaxMarks = 100'000;
  static constexpr auto kReadable = std::chrono::seconds(10);

  enum class Noted { kFirst, kAdded, kRefused };  // kFirst: the queue was empty before
  Noted Note(const ReadMarkAt& mark, Monotonic now) {
    const MutexLock lock(mutex_);
    DropReadable(now);
    auto& marks = users_[mark.user];
    const auto found = marks.find(mark.conversation);
    if (found == marks.end() && (closed_ || Full())) {
      if (marks.empty()) users_.erase(mark.user);
      ++refused_;
      return Noted::kRefused;
    }
    if (found == marks.end()) ++held_;
    Entry& entry = found == marks.end() ? marks[mark.conversation] : found->second;
    if (mark.seq <= entry.seq) return Noted::kAdded;
    if (closed_) {
      ++refused_;
      return Noted::kRefused;
    }
    entry.seq = mark.seq;
    entry.at = mark.at;
    if (std::exchange(entry.queued, true)) return Noted::kAdded;
    queue_.emplace_back(mark.user, mark.conversation);
    return queue_.size() == 1 ? Noted::kFirst : Noted::kAdded;
  }

  std::optional<ReadMarkAt> Find(const Uuid& conversation, const UserId& user) const {
    if (held_ == 0) return std::nullopt;
    const MutexLock lock(mutex_);
    const auto marks = users_.find(user);
    if (marks == users_.end()) return std::nullopt;
    const auto found = marks->second.find(conversation);
    if (found == marks->second.end()) return std::nullopt;
    return ReadMarkAt{conversation, user, found->second.seq, found->second.at};
  }

  // All marks of a user.
  std::vector<ReadMarkAt> Of(const UserId& user) const {
    std::vector<ReadMarkAt> out;
    if (held_ == 0) return out;
    const MutexLock lock(mutex_);
    const auto marks = users_.find(user);
    if (marks == users_.end()) return out;
    for (const auto& [conversation, entry] : marks->second) {
      out.push_back({conversation, user, entry.seq, entry.at});
    }
    return out;
  }

  // Takes the marks that have waited longest, sorted by row, so that nodes that write the same rows do not
  // deadlock.
  std::vector<ReadMarkAt> Take(size_t limit) {
    const MutexLock lock(mutex_);
    while (!queue_.empty() && taken_.size() < limit) {
      const auto [user, conversation] = std::move(queue_.front());
      queue_.pop_front();
      Entry& entry = users_[user][conversation];
      entry.queued = false;
      taken_.push_back({conversation, user, entry.seq, entry.at});
    }
    std::ranges::sort(taken_, {}, [](const ReadMarkAt& mark) {
      return std::pair(mark.conversation, std::string_view(mark.user));
    });
    return taken_;
  }

  // A taken mark could not be written, whether or not the others are written.
  void Keep(const Uuid& conversation, const UserId& user) {
    const MutexLock lock(mutex_);
    kept_.emplace(user, conversation);
  }

  // Call it after each Take: the marks are written, or return to the end of the queue. Returns true if the
  // marks are written but kept marks returned, so that the caller must schedule another write.
  bool Settle(bool written, Monotonic now) {
    const MutexLock lock(mutex_);
    const auto kept = std::exchange(kept_, {});
    for (const ReadMarkAt& mark : std::exchange(taken_, {})) {
      Entry& entry = users_[mark.user][mark.conversation];
      if (entry.queued) continue;  // it has moved since
      entry.queued = !written || kept.contains({mark.user, mark.conversation});
      if (entry.queued) {
        queue_.emplace_back(mark.user, mark.conversation);
      } else {
        readable_.push_back({now, mark.user, mark.conversation, mark.seq});
      }
    }
    DropReadable(now);
    return written && !kept.empty();
  }

  // Refuses marks from now on.
  void Close() {
    const MutexLock lock(mutex_);
    closed_ = true;
  }

  size_t queued() const {
    const MutexLock lock(mutex_);
    return queue_.size();
  }
  uint64_t refused() const { return refused_; }

 private:
  struct Entry {
    int64_t seq = 0;
    Timestamp at;
    bool queued = false;
  };
  struct Readable {
    Monotonic since;
    UserId user;
    Uuid conversation;
    int64_t seq;
  };

  bool Full() REQUIRES(mutex_) {
    if (held_ >= kMaxMarks && !readable_.empty()) DropFirst();
    return held_ >= kMaxMarks;
  }
  void DropReadable(Monotonic now) REQUIRES(mutex_) {
    while (!readable_.empty() && readable_.front().since + kReadable <= now) DropFirst();
  }
  void DropFirst() REQUIRES(mutex_) {
    const Readable first = std::move(readable_.front());
    readable_.pop_front();
    const auto marks = users_.find(first.user);
    if (marks == users_.end()) return;
    const auto found = marks->second.find(first.conversation);
    // Otherwise the mark has moved since.
    if (found == marks->second.end() || found->second.queued || found->second.seq != first.seq)
      return;
    marks->second.erase(found);
    if (marks->second.empty()) users_.erase(marks);
    --held_;
  }

  mutable Mutex mutex_;
  KeyedMap<std::unordered_map<Uuid, Entry>> users_ GUARDED_BY(mutex_);
  std::deque<std::pair<UserId, Uuid>> queue_ GUARDED_BY(mutex_);  // to be written
  std::vector<ReadMarkAt> taken_ GUARDED_BY(mutex_);              // being written
  std::set<std::pair<UserId, Uuid>> kept_ GUARDED_BY(mutex_);     // of those taken
  std::deque<Readable> readable_ GUARDED_BY(mutex_);              // written, by when
  bool closed_ GUARDED_BY(mutex_) = false;
  // Written under mutex_, read without it.
  std::atomic<size_t> held_{0};  // entries in users_
  std::atomic<uint64_t> refused_{0};
};

}  // namespace parley

// Writes to conversations that other transactions hold locked. They wait here in order and are retried
// periodically, while the lane serves all other conversations. One thread.
#pragma once
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "store/write.h"

namespace parley {

class HeldWrites {
 public:
  using Batch = std::vector<std::unique_ptr<Write>>;
  using SteadyTime = std::chrono::steady_clock::time_point;

  // Adds the write behind the held writes of its conversation.
  void Add(std::unique_ptr<Write> write) {
    Count(*write, +1);
    std::deque<std::unique_ptr<Write>>& line = lines_[*write->conversation()];
    line.push_back(std::move(write));
  }
  // Puts the writes in front of the held ones, in the order of the batch.
  void PutBack(Batch batch) {
    for (auto write = batch.rbegin(); write != batch.rend(); ++write) {
      Count(**write, +1);
      std::deque<std::unique_ptr<Write>>& line = lines_[*(*write)->conversation()];
      line.push_front(std::move(*write));
    }
  }
  // Takes the first `each` writes of each conversation, at most `most` in total.
  Batch Take(size_t most, size_t each) {
    Batch taken;
    for (auto line = lines_.begin(); line != lines_.end() && taken.size() < most;) {
      for (size_t i = 0; i < each && !line->second.empty() && taken.size() < most; ++i) {
        taken.push_back(PopFront(line->second));
      }
      line = line->second.empty() ? lines_.erase(line) : std::next(line);
    }
    return taken;
  }
  // Takes the writes that were submitted before `time`.
  Batch TakeOlderThan(SteadyTime time) {
    Batch taken;
    for (auto line = lines_.begin(); line != lines_.end();) {
      while (!line->second.empty() && line->second.front()->submitted_at() < time) {
        taken.push_back(PopFront(line->second));
      }
      line = line->second.empty() ? lines_.erase(line) : std::next(line);
    }
    return taken;
  }

  bool Holds(const Uuid& conversation) const { return lines_.contains(conversation); }
  bool empty() const { return lines_.empty(); }
  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }

 private:
  void Count(const Write& write, int sign) {
    size_ += static_cast<size_t>(sign);
    bytes_ += static_cast<size_t>(sign) * write.bytes();
  }
  std::unique_ptr<Write> PopFront(std::deque<std::unique_ptr<Write>>& line) {
    std::unique_ptr<Write> write = std::move(line.front());
    line.pop_front();
    Count(*write, -1);
    return write;
  }

  std::map<Uuid, std::deque<std::unique_ptr<Write>>> lines_;  // by conversation; none is empty
  size_t size_ = 0, bytes_ = 0;
};

}  // namespace parley

// Counts what is lost, repeated and reordered in a sequence of numbers that should arrive in order and
// without gaps. Memory: 16 bytes, plus the ranges of missing numbers. Threads: one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>

namespace parley::loadgen {

enum class Arrival {
  kInOrder,
  kAfterGap,   // numbers between the last one and this one are missing
  kRepeated,   // it arrived before
  kReordered,  // it was missing, and a greater number arrived before
};

class SequenceTracker {
 public:
  explicit SequenceTracker(uint64_t first = 0) : next_(first) {}

  Arrival Observe(uint64_t number) {
    number = std::min(number, UINT64_MAX - 1);
    if (number == next_) {
      ++next_;
      return Arrival::kInOrder;
    }
    if (number > next_) {
      if (missing_ == nullptr) missing_ = std::make_unique<Ranges>();
      missing_->emplace_hint(missing_->end(), next_, number);
      next_ = number + 1;
      return Arrival::kAfterGap;
    }
    return RemoveMissing(number) ? Arrival::kReordered : Arrival::kRepeated;
  }

  // The smallest number that is greater than all that arrived.
  uint64_t next() const { return next_; }
  uint64_t missing() const { return Lost(next_); }
  // How many numbers under `end` have not arrived.
  uint64_t Lost(uint64_t end) const {
    uint64_t lost = end > next_ ? end - next_ : 0;
    if (missing_ == nullptr) return lost;
    for (const auto& [first, last] : *missing_) lost += std::min(last, end) - std::min(first, end);
    return lost;
  }

 private:
  using Ranges = std::map<uint64_t, uint64_t>;  // from the first missing number to the end

  bool RemoveMissing(uint64_t number) {
    if (missing_ == nullptr) return false;
    auto range = missing_->upper_bound(number);
    if (range == missing_->begin() || (--range)->second <= number) return false;
    const auto [first, end] = *range;
    missing_->erase(range);
    if (first < number) missing_->emplace(first, number);
    if (number + 1 < end) missing_->emplace(number + 1, end);
    return true;
  }

  uint64_t next_;
  std::unique_ptr<Ranges> missing_;
};

}  // namespace parley::loadgen

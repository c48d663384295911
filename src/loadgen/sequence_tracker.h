// Counts what is lost, repeated and reordered in a sequence of numbers that should arrive in order and
// without gaps. Memory: 16 bytes, plus the missing numbers. Threads: one.
#pragma once
#include <cstdint>
#include <memory>
#include <set>

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
    if (number == next_) {
      ++next_;
      return Arrival::kInOrder;
    }
    if (number > next_) {
      if (missing_ == nullptr) missing_ = std::make_unique<std::set<uint64_t>>();
      for (; next_ < number; ++next_) missing_->insert(missing_->end(), next_);
      ++next_;
      return Arrival::kAfterGap;
    }
    if (missing_ != nullptr && missing_->erase(number) > 0) return Arrival::kReordered;
    return Arrival::kRepeated;
  }

  // The smallest number that is greater than all that arrived.
  uint64_t next() const { return next_; }
  uint64_t missing() const { return missing_ == nullptr ? 0 : missing_->size(); }
  // How many numbers under `end` have not arrived.
  uint64_t Lost(uint64_t end) const { return missing() + (end > next_ ? end - next_ : 0); }

 private:
  uint64_t next_;
  std::unique_ptr<std::set<uint64_t>> missing_;
};

}  // namespace parley::loadgen

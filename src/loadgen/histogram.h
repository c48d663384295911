// A histogram of durations with three significant digits over the whole range, as HdrHistogram has it:
// each power of two of the range is divided into 1,024 linear buckets. Threads: one.
//
// Units: microseconds, 0 to kMost (about 71 minutes); greater values count as kMost.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace parley::loadgen {

class Histogram {
 public:
  static constexpr uint64_t kMost = (uint64_t{1} << 32) - 1;

  void Record(uint64_t micros, uint64_t times = 1);
  void Add(const Histogram& other);
  void Clear();

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  double mean() const;
  // The smallest recorded value that at least `share` (0 to 1) of all values do not exceed, rounded up
  // by less than 0.1 %; 0 without values.
  uint64_t Percentile(double share) const;
  // The number of values of at least `micros`, with the precision of the buckets.
  uint64_t CountFrom(uint64_t micros) const;

 private:
  static constexpr int kSubBits = 11;  // values under 2,048 have a bucket each
  static size_t IndexOf(uint64_t micros);
  static uint64_t HighestOf(size_t index);

  std::vector<uint64_t> buckets_;  // empty until the first value
  uint64_t count_ = 0, max_ = 0, min_ = kMost, sum_ = 0;
};

}  // namespace parley::loadgen

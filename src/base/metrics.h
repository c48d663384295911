// Counters that shards increment without locks and a scrape reads: relaxed atomics, one instance per
// node, passed to constructors. The meaning of each is documented at its row in the X_metrics.cc of
// its module.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>

namespace parley {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// A histogram of durations. Each bucket's bound is twice the previous one.
class Histogram {
 public:
  static constexpr size_t kBuckets = 20;
  // The upper bound of bucket i. The last bucket also counts all longer durations.
  static constexpr double UpperSeconds(size_t bucket) {
    return static_cast<double>(uint64_t{16} << bucket) * 1e-6;  // 16 us to 8 s
  }
  void Observe(std::chrono::steady_clock::duration took) {
    const auto micros = static_cast<uint64_t>(
        std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    const size_t bucket = static_cast<size_t>(std::bit_width(micros >> 4));
    buckets_[std::min(bucket, kBuckets - 1)].Add();
    micros_.Add(micros);
  }
  uint64_t count(size_t bucket) const { return buckets_[bucket].value(); }
  double sum_seconds() const { return static_cast<double>(micros_.value()) * 1e-6; }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter micros_;
};

}  // namespace parley

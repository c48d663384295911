#include "loadgen/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace parley::loadgen {
namespace {

constexpr size_t kLinear = size_t{1} << 11, kHalf = kLinear / 2;

}  // namespace

// Values under 2,048 are their own index. Above, a value with its highest bit at 11 + k is shifted by
// k + 1, which leaves 1,024 to 2,047: the upper half of a row of buckets.
size_t Histogram::IndexOf(uint64_t micros) {
  if (micros < kLinear) return micros;
  const int shift = static_cast<int>(std::bit_width(micros)) - kSubBits;
  return kLinear + static_cast<size_t>(shift - 1) * kHalf + ((micros >> shift) - kHalf);
}

uint64_t Histogram::HighestOf(size_t index) {
  if (index < kLinear) return index;
  const size_t row = (index - kLinear) / kHalf, column = (index - kLinear) % kHalf;
  return ((uint64_t{kHalf + column} + 1) << (row + 1)) - 1;
}

void Histogram::Record(uint64_t micros, uint64_t times) {
  micros = std::min(micros, kMost);
  if (buckets_.empty()) buckets_.resize(IndexOf(kMost) + 1);
  buckets_[IndexOf(micros)] += times;
  count_ += times;
  sum_ += micros * times;
  max_ = std::max(max_, micros);
  min_ = std::min(min_, micros);
}

void Histogram::Add(const Histogram& other) {
  if (other.count_ == 0) return;
  if (buckets_.empty()) buckets_.resize(other.buckets_.size());
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

void Histogram::Clear() {
  if (count_ == 0) return;
  std::ranges::fill(buckets_, 0);
  count_ = sum_ = max_ = 0;
  min_ = kMost;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::Percentile(double share) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_) - 1e-9);
  const auto rank = std::clamp(static_cast<uint64_t>(std::max(wanted, 1.0)), uint64_t{1}, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::clamp(HighestOf(i), min_, max_);
  }
  return max_;
}

uint64_t Histogram::CountFrom(uint64_t micros) const {
  uint64_t count = 0;
  for (size_t i = IndexOf(std::min(micros, kMost)); i < buckets_.size(); ++i) count += buckets_[i];
  return count;
}

}  // namespace parley::loadgen

// Reproducible random numbers: a seed gives the same choices on every machine (the distributions of
// <random> differ between libraries, its engines do not).
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>

namespace parley::test {

class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}

  // Returns 0 to bound - 1; bound is at least 1.
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  // Returns least to most, both included.
  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Below(static_cast<size_t>(most - least) + 1));
  }
  bool OneIn(size_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace parley::test

// Bounds the log: lines per second, and repetitions of the same warning or error. Threads: one at a time.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/log_line.h"

namespace parley::log {

class Limit {
 public:
  static constexpr std::chrono::seconds kRepeatWindow{10};
  static constexpr size_t kMostKnown = 64;  // different lines whose repetitions are counted

  struct Repeats {
    Line line;
    int level = 0;
    uint64_t count = 0;
  };
  enum class Verdict { kWrite, kRepeated, kOver };

  // 0: no limit. Warnings and errors have their own, equal limit, which other lines cannot use up.
  void set_lines_per_second(int lines) { lines_per_second_ = lines; }

  // kRepeated: the same line was written less than kRepeatWindow ago.
  Verdict Take(const Line& line, int level, bool severe, Monotonic now);
  // The lines that were repeated, once their window has ended; `all`: also the others.
  std::vector<Repeats> TakeRepeats(Monotonic now, bool all);

 private:
  struct Known {
    Line line;
    Monotonic since;
    int level = 0;
    uint64_t repeats = 0;
  };
  struct Second {
    Monotonic since{};
    uint64_t lines = 0;
  };
  int lines_per_second_ = 0;
  std::array<Second, 2> seconds_;                 // severe lines, other lines
  std::unordered_map<std::string, Known> known_;  // by message and fields
};

}  // namespace parley::log

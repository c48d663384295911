// Clocks, passed to constructors so that tests control time. Units: wall-clock times are microseconds
// since the Unix epoch, UTC. Durations are measured on the monotonic clock, which changes of the wall
// clock do not affect.
#pragma once
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

struct Timestamp {
  int64_t micros = 0;  // since 1970-01-01T00:00:00Z
  auto operator<=>(const Timestamp&) const = default;
};
inline constexpr int64_t kMicrosPerSecond = 1'000'000;

using Duration = std::chrono::microseconds;
using Monotonic = std::chrono::steady_clock::time_point;

// RFC 3339, UTC, always six decimals: 2026-11-23T08:00:00.000000Z.
std::string FormatTimestamp(Timestamp t);
inline constexpr size_t kTimestampCharacters = 27;
// Writes kTimestampCharacters and returns their end.
char* WriteTimestamp(char* at, Timestamp t);
void AppendTimestamp(std::string& out, Timestamp t);
// Any RFC 3339 offset and 0-9 decimals (truncated to 6); nullopt if the text is malformed.
std::optional<Timestamp> ParseTimestamp(std::string_view text);

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp Now() const = 0;
  virtual Monotonic Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp Now() const override;
  Monotonic Steady() const override;
};

// For tests: both clocks only move by Advance.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = {1'700'000'000'000'000}) : micros_(start.micros) {}
  Timestamp Now() const override { return {micros_.load()}; }
  Monotonic Steady() const override { return Monotonic(Duration(micros_.load())); }
  void Advance(Duration d) { micros_ += d.count(); }

 private:
  std::atomic<int64_t> micros_;
};

}  // namespace parley

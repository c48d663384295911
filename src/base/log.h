// Logging to standard error: one line per event, an object (`json`) or text. A format has a fixed message
// and then `name={}` fields: log::info("accept paused reason={}", reason). Client input in a value cannot
// forge a field, a line or a terminal's controls. The layer that handles an error logs it once. Message
// content, tokens and query strings are never logged.
//
// Threads: any. Lines go into a bounded queue that one thread writes, so that serving never waits for
// a full pipe or disk. Lines are dropped and counted if the queue is full, if the write fails, or if there
// are more than `lines_per_second`; repeated warnings and errors become one line with their count.
#pragma once
#include <fmt/format.h>
#include <spdlog/common.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <type_traits>

namespace parley::log {

using Level = spdlog::level::level_enum;

struct Options {
  Level level = Level::info;
  bool json = false;
  int lines_per_second = 0;  // of warnings and errors, and of other lines; 0: no limit
};

// Configures the process-wide log. Until then, lines of any level are written without a limit.
void SetUp(const Options& options);
// Changes the level and the limit at run time.
void Reconfigure(Level level, int lines_per_second);

bool Enabled(Level level);
// `numbers`: for each argument, true if it is a number in JSON. A field whose value is empty is omitted.
void Write(Level level, std::string_view format, fmt::format_args args,
           std::span<const bool> numbers);

template <class... Args>
void log(Level level, fmt::format_string<const Args&...> format, const Args&... args) {
  if (!Enabled(level)) return;
  static constexpr std::array<bool, sizeof...(Args)> kNumbers{
      (std::is_arithmetic_v<Args> && !std::is_same_v<Args, char>)...};
  const fmt::string_view text = format;
  Write(level, {text.data(), text.size()}, fmt::make_format_args(args...), kNumbers);
}
template <class... Args>
void debug(fmt::format_string<const Args&...> format, const Args&... args) {
  log(Level::debug, format, args...);
}
template <class... Args>
void info(fmt::format_string<const Args&...> format, const Args&... args) {
  log(Level::info, format, args...);
}
template <class... Args>
void warn(fmt::format_string<const Args&...> format, const Args&... args) {
  log(Level::warn, format, args...);
}
template <class... Args>
void error(fmt::format_string<const Args&...> format, const Args&... args) {
  log(Level::err, format, args...);
}

// Called about once a second: writes the counts of repeated and dropped lines.
void OnTick();

// The number of lines dropped since the start (log_dropped_total).
uint64_t Dropped();

// Waits until all lines are written, at most `limit`. Called before the process exits.
void Flush(std::chrono::milliseconds limit);

}  // namespace parley::log

// Logging: one line an event, on standard error: a fixed message, then `key=value` pairs. The layer
// that handles an error logs it, once. Never message bodies, tokens, or query strings.
//
// Threads: any. A line goes into a bounded queue that one thread writes out, so that serving never
// waits for a full pipe or disk; lines that find the queue full, or that cannot be written, are
// dropped and counted.
#pragma once
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>

namespace parley::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::log;
using spdlog::warn;

// The process' one log. `json`: an object a line (time, level, message); else text. Control
// characters of what is logged never reach the terminal.
void SetUp(spdlog::level::level_enum level, bool json);

void SetLevel(spdlog::level::level_enum level);

// Lines dropped since the start (log_dropped_total).
uint64_t Dropped();

// Waits until all lines are written, at most `limit`: before the process ends.
void Flush(std::chrono::milliseconds limit);

}  // namespace parley::log

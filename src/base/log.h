// Logging to standard error: one line per event, a fixed message followed by `key=value` pairs. The
// layer that handles an error logs it once. Message content, tokens and query strings are never logged.
//
// Threads: any. Lines go into a bounded queue that one thread writes, so that serving never waits for
// a full pipe or disk. Lines are dropped and counted if the queue is full or the write fails.
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

// Configures the process-wide log. With `json`, each line is an object (time, level, message),
// otherwise text. Control characters in logged values never reach the terminal.
void SetUp(spdlog::level::level_enum level, bool json);

void SetLevel(spdlog::level::level_enum level);

// The number of lines dropped since the start (log_dropped_total).
uint64_t Dropped();

// Waits until all lines are written, at most `limit`. Called before the process exits.
void Flush(std::chrono::milliseconds limit);

}  // namespace parley::log

// Logging: one line an event, on standard error: a fixed message, then `key=value` pairs. The layer
// that handles an error logs it, once. Never message bodies, tokens, or query strings.
#pragma once
#include <spdlog/spdlog.h>

namespace parley::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// The process' one log. `json`: an object a line (time, level, message); else text. Control
// characters of what is logged never reach the terminal.
void SetUp(spdlog::level::level_enum level, bool json);

}  // namespace parley::log

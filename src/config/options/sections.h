// The rows of the option table, a file per group of sections, in the order of docs/configuration.md. To add an
// option: a field in config.h, a row here, and `parley config docs > docs/configuration.md`.
#pragma once
#include <cstdint>
#include <span>

#include "config/option_table.h"

namespace parley {

inline constexpr int64_t kSecond = 1'000'000;  // in microseconds, as durations are
inline constexpr int64_t kHour = 3'600 * kSecond;
inline constexpr int64_t kDay = 24 * kHour;
inline constexpr int64_t kKiB = 1'024;
inline constexpr int64_t kMiB = 1'024 * kKiB;

std::span<const Option> NodeOptions();
std::span<const Option> RateLimitOptions();
std::span<const Option> AuthOptions();
std::span<const Option> LimitOptions();
std::span<const Option> ServiceOptions();

}  // namespace parley

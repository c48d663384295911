// Option values and their text form: durations (`5`, `5s`, `500ms`, `1h`), sizes
// (`4096`, `256KiB`), switches (`on`, `false`, `1`), lists (`a,b`). Pure functions.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace parley {

// monostate: unset. A choice is the index of its name. Sizes and numbers are int64_t.
using OptionValue =
    std::variant<std::monostate, bool, int64_t, Duration, std::string, std::vector<std::string>>;

enum class OptionKind { kText, kPath, kChoice, kSwitch, kNumber, kSize, kDuration, kList };

// Describes the format of a kind, for messages and documentation: "a duration (…)".
std::string_view Describe(OptionKind kind);

// Minimum and maximum of a number, a size in bytes, or a duration in microseconds.
struct OptionRange {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
};

// Parses a value. The error does not repeat the text, which can be a secret. `choices` are names
// separated by `|`.
tl::expected<OptionValue, std::string> ParseOptionValue(OptionKind kind, std::string_view text,
                                                        const OptionRange& range,
                                                        std::string_view choices);

// Formats a value so that ParseOptionValue can read it; lists with commas. Empty for monostate.
std::string FormatOptionValue(OptionKind kind, const OptionValue& value, std::string_view choices);

// Splits at separators, trims white space, and omits empty items.
std::vector<std::string> SplitList(std::string_view text, char separator);

// The candidate that `text` probably misspells; empty if none is similar.
std::string Nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace parley

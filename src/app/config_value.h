// The values of options and how people write them: durations (`5`, `5s`, `500ms`, `1h`), sizes
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

// monostate: not set. A choice is the index of its name. Sizes and numbers are int64_t.
using OptionValue =
    std::variant<std::monostate, bool, int64_t, Duration, std::string, std::vector<std::string>>;

enum class OptionKind { kText, kPath, kChoice, kSwitch, kNumber, kSize, kDuration, kList };

// What a value of the kind looks like, for messages and the documentation: "a duration (…)".
std::string_view Describe(OptionKind kind);

// Smallest and largest value of a number, a size in bytes, or a duration in microseconds.
struct OptionRange {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
};

// The error says what is wrong with the text, without repeating it (it may be a secret).
// `choices` are names with `|` between them.
tl::expected<OptionValue, std::string> ParseOptionValue(OptionKind kind, std::string_view text,
                                                        const OptionRange& range,
                                                        std::string_view choices);

// As ParseOptionValue reads it back; a list with commas. Nothing for monostate.
std::string FormatOptionValue(OptionKind kind, const OptionValue& value, std::string_view choices);

// The pieces between separators, white space around them cut off, empty ones left out.
std::vector<std::string> SplitList(std::string_view text, char separator);

// The candidate that `text` is probably a misspelling of; empty when none is near.
std::string Nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace parley

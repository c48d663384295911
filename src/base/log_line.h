// One log line: splits a format into its message and its fields, and encodes them as text or as JSON.
#pragma once
#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace parley::log {

struct Field {
  std::string name;
  std::string value;
  bool number = false;
};

struct Line {
  std::string message;
  std::vector<Field> fields;
};

// Formats each part on its own, so that a value cannot become a message, a name or another field. The
// format is `message words name={} name="fixed text" …`; names have lower-case letters and underscores.
// Fields with an empty value are omitted.
Line FormatLine(std::string_view format, fmt::format_args args, std::span<const bool> numbers);

// `time level message name=value …`, with a newline. Values with spaces, quotes or equals signs are quoted;
// control characters and invalid UTF-8 are escaped.
std::string ToText(const Line& line, Timestamp time, std::string_view level);

// An object with `time`, `level`, `message` and the fields, with a newline.
std::string ToJson(const Line& line, Timestamp time, std::string_view level);

}  // namespace parley::log

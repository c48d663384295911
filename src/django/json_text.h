// Values from and to JSON text. Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "django/value.h"

namespace parley::django {

// Parses one JSON value (RFC 8259, UTF-8). Returns nullopt for malformed text, duplicate names, lone
// surrogates, and values beyond the limits of value.h.
std::optional<Value> ParseJson(std::string_view text);

// Appends compact JSON. Bytes become their text if they are UTF-8, and base64 (RFC 4648 §4) otherwise.
void AppendJson(std::string& out, const Value& value);
std::string JsonOf(const Value& value);

// Appends JSON as Python's json.dumps writes it by default: `, ` and `: ` as separators, and only ASCII.
void AppendPythonJson(std::string& out, const Value& value);

}  // namespace parley::django

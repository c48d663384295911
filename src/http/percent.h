// Percent-encoding (RFC 3986 §2.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// `plus_is_space` for queries and forms (WHATWG). Returns nullopt if the encoding is invalid. The
// result can contain any bytes.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// Encodes `text` for any part of a URL: all characters except RFC 3986's unreserved ones.
std::string PercentEncode(std::string_view text);

}  // namespace parley

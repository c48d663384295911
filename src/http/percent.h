// Percent-encoding (RFC 3986 §2.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// `plus_is_space` for queries and forms (WHATWG). nullopt: broken. The bytes may be anything.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// `text` as data in any place of a URL: all but RFC 3986's unreserved characters is encoded.
std::string PercentEncode(std::string_view text);

}  // namespace parley

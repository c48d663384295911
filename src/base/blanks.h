// The optional whitespace of header fields (RFC 9110 §5.6.3).
#pragma once
#include <string_view>

namespace parley {

// Returns the text without spaces and tabs at its ends.
inline std::string_view TrimBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace parley

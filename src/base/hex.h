// Hexadecimal digits.
#pragma once
#include <string_view>

namespace parley {

// The value of a digit in either case; -1 if `c` is none.
constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Whether all characters are digits in lower case, as of hashes and ids that this server wrote.
constexpr bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace parley

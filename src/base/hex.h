// Hexadecimal digits.
#pragma once
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace parley {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

// The value of a digit in either case; -1 if `c` is none.
constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Whether all characters are digits in lower case, as of hashes and ids that this server wrote.
constexpr bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of(kHexDigits) == text.npos;
}

// Appends two digits in lower case for each byte of a text, an array or a span.
template <class Bytes>
void AppendHex(std::string& out, const Bytes& bytes) {
  for (const auto byte : bytes) {
    const auto value = static_cast<uint8_t>(byte);
    out += kHexDigits[value >> 4];
    out += kHexDigits[value & 15];
  }
}
template <class Bytes>
std::string HexOf(const Bytes& bytes) {
  std::string out;
  out.reserve(2 * std::size(bytes));
  AppendHex(out, bytes);
  return out;
}

}  // namespace parley

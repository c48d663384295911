// Control characters that affect a terminal or the layout of text: C0 and C1 controls, line
// separators, and changes of text direction.
#pragma once
#include <cstdint>
#include <string_view>

namespace parley {

struct ControlCharacter {
  size_t size = 0;    // in bytes; 0 if the text does not begin with one
  uint32_t code = 0;  // the code point
};

// The control character at the start of UTF-8 text.
inline ControlCharacter ControlAt(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0xFF};
  };
  if (text.empty()) return {};
  if (byte(0) < 0x20 || byte(0) == 0x7F) return {1, byte(0)};
  if (byte(0) == 0xC2 && byte(1) < 0xA0) return {2, byte(1)};
  if (byte(0) != 0xE2 || byte(1) < 0x80 || byte(1) > 0x81 || byte(2) > 0xBF) return {};
  const uint32_t code = 0x2000 + (byte(1) - 0x80u) * 64 + (byte(2) - 0x80u);
  const bool control = code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
                       (code >= 0x2066 && code <= 0x2069);
  return control ? ControlCharacter{3, code} : ControlCharacter{};
}

}  // namespace parley

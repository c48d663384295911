// UTF-8 according to RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

bool IsUtf8(std::string_view text);

// Replaces each byte that is not part of a code point by U+FFFD. Valid text is unchanged.
std::string RepairUtf8(std::string_view text);

// The number of code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

// The longest prefix of valid UTF-8 with at most `max_bytes` that ends between code points.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

// Validates text that arrives in pieces, split anywhere. It fails at the first byte that makes the text
// invalid (RFC 6455 §8.1), and then until Reset.
class Utf8Validator {
 public:
  // Returns false if the bytes so far are not a prefix of valid text.
  bool Feed(std::string_view piece);
  // Returns true if the bytes so far are valid and end between code points.
  bool Complete() const { return wanted_ == 0; }
  void Reset() { *this = Utf8Validator(); }

 private:
  bool Step(uint8_t byte);

  static constexpr uint8_t kFailed = 0xFF;
  uint8_t wanted_ = 0;  // expected continuation bytes, or kFailed
  uint8_t low_ = 0x80;  // bounds of the next byte; narrower only after E0, ED, F0 and F4
  uint8_t high_ = 0xBF;
};

}  // namespace parley

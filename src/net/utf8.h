// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

bool IsUtf8(std::string_view text);

// `text` with U+FFFD in place of each byte that is part of no code point. Valid text stays as it is.
std::string RepairUtf8(std::string_view text);

// How many code points `text`, which is valid UTF-8, holds.
size_t CountCodePoints(std::string_view text);

// The longest start of `text`, which is valid UTF-8, of at most `max_bytes` that ends between code
// points.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

// The same rules for text that comes in pieces, cut anywhere. It fails in the piece that has the
// first byte no valid text could have there (RFC 6455 §8.1), and then until Reset.
class Utf8Validator {
 public:
  // False: what came so far is not the start of any valid text.
  bool Feed(std::string_view piece);
  // Is everything so far valid, and no code point half there?
  bool Complete() const { return wanted_ == 0; }
  void Reset() { *this = Utf8Validator(); }

 private:
  bool Step(uint8_t byte);

  static constexpr uint8_t kFailed = 0xFF;
  uint8_t wanted_ = 0;  // continuation bytes still to come, or kFailed
  uint8_t low_ = 0x80;  // bounds of the next one; narrower only after E0, ED, F0 and F4
  uint8_t high_ = 0xBF;
};

}  // namespace parley

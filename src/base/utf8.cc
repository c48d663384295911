#include "base/utf8.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace parley {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;
constexpr uint64_t kLowBits = 0x0101010101010101;

uint64_t Load(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// The number of leading ASCII bytes, in whole blocks if other bytes follow.
size_t AsciiPrefix(std::string_view text) {
  const char* data = text.data();
  size_t at = 0;
  for (; at + 32 <= text.size(); at += 32) {
    const uint64_t any =
        Load(data + at) | Load(data + at + 8) | Load(data + at + 16) | Load(data + at + 24);
    if ((any & kHighBits) != 0) return at;
  }
  for (; at + 8 <= text.size(); at += 8) {
    if ((Load(data + at) & kHighBits) != 0) return at;
  }
  while (at < text.size() && static_cast<uint8_t>(data[at]) < 0x80) ++at;
  return at;
}

// The number of trailing bytes that begin an incomplete code point, judging by the lead byte.
size_t UnfinishedSuffix(std::string_view text) {
  const size_t most = std::min<size_t>(3, text.size());
  for (size_t back = 1; back <= most; ++back) {
    const auto byte = static_cast<uint8_t>(text[text.size() - back]);
    if (IsContinuation(text[text.size() - back])) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  text.remove_prefix(AsciiPrefix(text));
  return text.empty() || simdjson::validate_utf8(text.data(), text.size());
}

std::string RepairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  while (!text.empty()) {
    const auto lead = static_cast<uint8_t>(text.front());
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    const std::string_view front = text.substr(0, length);
    if (front.size() == length && IsUtf8(front)) {
      out.append(front);
      text.remove_prefix(length);
    } else {
      out.append("\xEF\xBF\xBD");
      text.remove_prefix(1);
    }
  }
  return out;
}

size_t CountCodePoints(std::string_view text) {
  size_t count = text.size();
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    const uint64_t word = Load(text.data() + at);
    const uint64_t continuations = (word >> 7) & ~(word >> 6) & kLowBits;
    count -= static_cast<size_t>(std::popcount(continuations));
  }
  for (; at < text.size(); ++at) count -= IsContinuation(text[at]) ? 1 : 0;
  return count;
}

std::string_view CutUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && IsContinuation(text[end])) --end;
  return text.substr(0, end);
}

bool Utf8Validator::Feed(std::string_view piece) {
  if (wanted_ == kFailed) return false;
  while (wanted_ != 0 && !piece.empty()) {
    if (!Step(static_cast<uint8_t>(piece.front()))) return false;
    piece.remove_prefix(1);
  }
  const size_t tail = UnfinishedSuffix(piece);
  if (!IsUtf8(piece.substr(0, piece.size() - tail))) {
    wanted_ = kFailed;
    return false;
  }
  for (const char c : piece.substr(piece.size() - tail)) {
    if (!Step(static_cast<uint8_t>(c))) return false;
  }
  return true;
}

// The ranges of RFC 3629 §4.
bool Utf8Validator::Step(uint8_t byte) {
  if (wanted_ != 0) {
    if (byte < low_ || byte > high_) {
      wanted_ = kFailed;
      return false;
    }
    --wanted_;
    low_ = 0x80;
    high_ = 0xBF;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) {
    wanted_ = kFailed;
    return false;
  }
  wanted_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
  if (byte == 0xE0) low_ = 0xA0;
  if (byte == 0xED) high_ = 0x9F;
  if (byte == 0xF0) low_ = 0x90;
  if (byte == 0xF4) high_ = 0x8F;
  return true;
}

}  // namespace parley

#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/hex.h"

namespace parley {
namespace {

// The two digits of each byte.
constexpr std::array<std::array<char, 2>, 256> kHexOfByte = [] {
  std::array<std::array<char, 2>, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  }
  return table;
}();

std::span<uint8_t> BytesOf(std::string& text) {
  return {reinterpret_cast<uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  Uuid id;
  size_t byte = 0;
  for (size_t i = 0; i < text.size();) {
    if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i++] != '-') return std::nullopt;
      continue;
    }
    const int high = HexDigit(text[i]), low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[byte++] = static_cast<uint8_t>(high << 4 | low);
    i += 2;
  }
  return id;
}

Uuid Uuid::FromBytes(std::span<const uint8_t, 16> raw) {
  Uuid id;
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}

char* WriteUuid(char* at, const Uuid& id) {
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    at = std::ranges::copy(kHexOfByte[id.bytes[i]], at).out;
  }
  return at;
}

void AppendUuid(std::string& out, const Uuid& id) {
  char text[kUuidCharacters];
  WriteUuid(text, id);
  out.append(text, sizeof text);
}

std::string Uuid::ToString() const {
  std::string out;
  out.reserve(36);
  AppendUuid(out, *this);
  return out;
}

Uuid UuidGenerator::Next() {
  Uuid id;
  RandomIdBytes(id.bytes);
  const int64_t now = clock_.Now().micros / 1000;
  if (now > last_millis_) {
    last_millis_ = now;
    counter_ =
        static_cast<uint16_t>(id.bytes[6] << 8 | id.bytes[7]) & 0x7FF;  // leaves room to count
  } else if (++counter_ > 0xFFF) {
    ++last_millis_;  // 2,048 and more in one millisecond: borrow from the next
    counter_ = 0;
  }
  for (size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<uint8_t>(last_millis_ >> (40 - 8 * i));
  }
  id.bytes[6] = static_cast<uint8_t>(0x70 | counter_ >> 8);
  id.bytes[7] = static_cast<uint8_t>(counter_);
  id.bytes[8] = static_cast<uint8_t>(0x80 | (id.bytes[8] & 0x3F));
  return id;
}

std::optional<UserId> ParseUserId(std::string_view text) {
  if (text.empty() || text.size() > kUserIdBytes || text == "." || text == "..") {
    return std::nullopt;
  }
  constexpr std::string_view kRefused = "\"\\<>/?#%";
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7F || kRefused.find(c) != std::string_view::npos) return std::nullopt;
  }
  if (text.size() == 36) {
    if (const auto uuid = Uuid::Parse(text)) return uuid->ToString();
  }
  return UserId(text);
}

bool IsUserId(std::string_view text) { return ParseUserId(text) == text; }

void RandomBytes(std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
    if (n < 0 && errno != EINTR) std::abort();
    if (n > 0) done += static_cast<size_t>(n);
  }
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  RandomBytes(BytesOf(raw));
  return HexOf(raw);
}

void RandomIdBytes(std::span<uint8_t> out) {
  struct Block {
    std::array<uint8_t, 4096> bytes;
    size_t used = sizeof bytes;
  };
  thread_local Block block;
  if (out.size() > block.bytes.size() - block.used) {
    if (out.size() > block.bytes.size()) return RandomBytes(out);
    RandomBytes(block.bytes);
    block.used = 0;
  }
  const std::span<uint8_t> taken = std::span(block.bytes).subspan(block.used, out.size());
  std::ranges::copy(taken, out.begin());
  std::ranges::fill(taken, uint8_t{0});  // an id is given out once, whatever happens to this memory
  block.used += out.size();
}

std::string RandomIdHex(size_t bytes) {
  std::string raw(bytes, '\0');
  RandomIdBytes(BytesOf(raw));
  return HexOf(raw);
}

}  // namespace parley

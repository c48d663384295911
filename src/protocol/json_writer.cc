#include "protocol/json_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "base/hex.h"
#include "base/utf8.h"

namespace parley {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;
// In the table: no escape; an escape by number. Anything else is the letter after the backslash.
constexpr char kPlain = 0;
constexpr char kNumbered = 'u';

constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> table{};
  for (size_t control = 0; control < 0x20; ++control) table[control] = kNumbered;
  table['\b'] = 'b';
  table['\t'] = 't';
  table['\n'] = 'n';
  table['\f'] = 'f';
  table['\r'] = 'r';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}();

char EscapeOf(char c) { return kEscapes[static_cast<uint8_t>(c)]; }

template <class Word>
uint64_t Load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// The high bits of the result are set if one of eight bytes needs an escape. Exact for the eight bytes as a whole
// (not for each of them): the borrow of a subtraction can only come from a byte that is itself a match.
uint64_t Escaped(uint64_t word) {
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t backslash = word ^ (kOnes * '\\');
  return ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
         ((backslash - kOnes) & ~backslash);
}

// Returns true if the text is ASCII without a character that needs an escape. It reads some bytes twice.
bool IsPlainAscii(std::string_view text) {
  const char* const at = text.data();
  const size_t size = text.size();
  uint64_t found = 0;  // the high bits are set by what is not plain
  const auto check = [&](uint64_t word) { found |= Escaped(word) | word; };
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) check(Load<uint64_t>(at + i));
    check(Load<uint64_t>(at + size - 8));
  } else if (size >= 4) {
    check(Load<uint32_t>(at) | Load<uint32_t>(at + size - 4) << 32);
  } else {
    for (const char c : text) found |= EscapeOf(c) == kPlain ? static_cast<uint8_t>(c) : kHighBits;
  }
  return (found & kHighBits) == 0;
}

// Bytes from `at` on that go out as they are.
size_t PlainRun(std::string_view text, size_t at) {
  const size_t start = at;
  for (; at + 8 <= text.size(); at += 8) {
    if ((Escaped(Load<uint64_t>(text.data() + at)) & kHighBits) != 0) break;
  }
  while (at < text.size() && EscapeOf(text[at]) == kPlain) ++at;
  return at - start;
}

void AppendEscape(std::string& out, char c) {
  const char letter = EscapeOf(c);
  if (letter != kNumbered) {
    const char escape[] = {'\\', letter};
    out.append(escape, sizeof escape);
    return;
  }
  out += "\\u00";
  AppendHex(out, std::string_view(&c, 1));
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  if (IsPlainAscii(text)) {
    const size_t at = out.size();
    out.append(text.size() + 2, '"');
    std::ranges::copy(text, out.data() + at + 1);
    return;
  }
  if (!IsUtf8(text)) return AppendJsonString(out, RepairUtf8(text));
  out += '"';
  size_t at = 0;
  while (true) {
    const size_t run = PlainRun(text, at);
    out.append(text, at, run);
    at += run;
    if (at == text.size()) break;
    AppendEscape(out, text[at++]);
  }
  out += '"';
}

void JsonWriter::Raw(std::string_view json) {
  Separate();
  if (IsUtf8(json)) {
    out_ += json;
  } else {
    out_ += RepairUtf8(json);
  }
}

void JsonWriter::Value(const Uuid& id) {
  Separate();
  char text[kUuidCharacters + 2];
  text[0] = '"';
  *WriteUuid(text + 1, id) = '"';
  out_.append(text, sizeof text);
}

void JsonWriter::Value(Timestamp time) {
  Separate();
  char text[kTimestampCharacters + 2];
  text[0] = '"';
  *WriteTimestamp(text + 1, time) = '"';
  out_.append(text, sizeof text);
}

void JsonWriter::Begin(char bracket) {
  if (depth_ == kMaxDepth) throw std::length_error("JSON is nested too deeply");
  Separate();
  out_ += bracket;
  filled_ <<= 1;
  ++depth_;
}

}  // namespace parley

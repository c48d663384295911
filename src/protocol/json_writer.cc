#include "protocol/json_writer.h"

#include <array>
#include <cstring>
#include <stdexcept>

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

// Exact for eight bytes as a whole (not for each of them): the borrow of a subtraction can only
// come from a byte that is itself a match.
bool NeedsEscape(uint64_t word) {
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t backslash = word ^ (kOnes * '\\');
  const uint64_t matches = ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
                           ((backslash - kOnes) & ~backslash);
  return (matches & kHighBits) != 0;
}

// Bytes from `at` on that go out as they are.
size_t PlainRun(std::string_view text, size_t at) {
  const size_t start = at;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    if (NeedsEscape(word)) break;
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
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<uint8_t>(c);
  const char escape[] = {'\\', 'u', '0', '0', kDigits[value >> 4], kDigits[value & 15]};
  out.append(escape, sizeof escape);
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
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
  out_ += '"';
  AppendUuid(out_, id);
  out_ += '"';
}

void JsonWriter::Value(Timestamp time) {
  Separate();
  out_ += '"';
  AppendTimestamp(out_, time);
  out_ += '"';
}

void JsonWriter::Begin(char bracket) {
  if (depth_ == kMaxDepth) throw std::length_error("JSON is nested too deeply");
  Separate();
  out_ += bracket;
  filled_ <<= 1;
  ++depth_;
}

}  // namespace parley

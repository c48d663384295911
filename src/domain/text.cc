#include "domain/text.h"

#include <algorithm>
#include <array>

#include "base/hex.h"

namespace parley {
namespace {

// White_Space beyond ASCII, as UTF-8: U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F,
// U+205F, U+3000.
constexpr std::array<std::string_view, 19> kSpaces = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool IsAsciiSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t SpaceAtFront(std::string_view text) {
  if (IsAsciiSpace(text.front())) return 1;
  for (const std::string_view space : kSpaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

size_t SpaceAtBack(std::string_view text) {
  if (IsAsciiSpace(text.back())) return 1;
  for (const std::string_view space : kSpaces) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

}  // namespace

std::string_view Trim(std::string_view text) {
  while (!text.empty()) {
    const size_t size = SpaceAtFront(text);
    if (size == 0) break;
    text.remove_prefix(size);
  }
  while (!text.empty()) {
    const size_t size = SpaceAtBack(text);
    if (size == 0) break;
    text.remove_suffix(size);
  }
  return text;
}

std::optional<std::string> FoldContentType(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && std::string_view("_./+-").find(c) == std::string_view::npos) {
      return std::nullopt;
    }
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::vector<Uuid> UuidsIn(std::string_view text, size_t most, std::vector<Uuid> found) {
  const auto add = [&](std::string_view part) {
    const std::optional<Uuid> id = Uuid::Parse(part);
    if (id && std::ranges::find(found, *id) == found.end()) found.push_back(*id);
  };
  constexpr size_t kLength = 36, kFirstHyphen = 8, kDigits = 32;
  for (size_t hyphen = text.find('-', kFirstHyphen); hyphen != text.npos && found.size() < most;
       hyphen = text.find('-', hyphen + 1)) {
    const std::string_view part = text.substr(hyphen - kFirstHyphen, kLength);
    if (part.size() == kLength) add(part);
  }
  // A run of 32 digits has exactly one of the positions 31, 63, 95, …
  for (size_t at = kDigits - 1; at < text.size() && found.size() < most; at += kDigits) {
    size_t begin = at, end = at;
    while (end < text.size() && end - at <= kDigits && HexDigit(text[end]) >= 0) ++end;
    while (begin > 0 && end - begin <= kDigits && HexDigit(text[begin - 1]) >= 0) --begin;
    if (end - begin == kDigits) add(text.substr(begin, kDigits));
  }
  return found;
}

}  // namespace parley

#include "http/range.h"

#include <algorithm>
#include <limits>

#include "base/blanks.h"

namespace parley {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

// Parses digits only; a number that overflows is treated as the maximum.
std::optional<int64_t> Number(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    if (value > (kHuge - 9) / 10) {
      value = kHuge;
      continue;
    }
    value = value * 10 + (c - '0');
  }
  return value;
}

bool IsBytesUnit(std::string_view text) {
  constexpr std::string_view kUnit = "bytes=";
  return std::ranges::equal(text.substr(0, kUnit.size()), kUnit, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
}

}  // namespace

RangeAnswer FindRange(std::string_view header, int64_t size) {
  if (!IsBytesUnit(header)) return {};
  const std::string_view range = TrimBlanks(header.substr(6));
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view from = range.substr(0, dash), to = range.substr(dash + 1);
  const auto first = Number(from), last = Number(to);
  if (from.empty()) {  // a suffix range: the last N bytes
    if (!last) return {};
    const int64_t length = std::min(*last, size);
    if (length == 0) return {.kind = RangeKind::kUnsatisfiable};
    return {RangeKind::kPart, {size - length, length}};
  }
  if (!first || (!to.empty() && !last) || (last && *last < *first)) return {};
  if (*first >= size) return {.kind = RangeKind::kUnsatisfiable};
  const int64_t end = std::min(last.value_or(kHuge), size - 1);
  return {RangeKind::kPart, {*first, end - *first + 1}};
}

bool NamesTag(const std::vector<std::string_view>& members, std::string_view tag) {
  return std::ranges::any_of(members, [&](std::string_view member) {
    if (member.starts_with("W/")) member.remove_prefix(2);
    return member == "*" || member == tag;
  });
}

}  // namespace parley

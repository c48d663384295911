#include "base/trace_context.h"

#include <algorithm>

#include "base/hex.h"
#include "base/ids.h"

namespace parley {
namespace {

constexpr size_t kTraceDigits = 32, kSpanDigits = 16;
constexpr size_t kHeaderSize = 2 + 1 + kTraceDigits + 1 + kSpanDigits + 1 + 2;  // of version 00
constexpr size_t kLongestState = 512;

bool IsId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool IsPassable(std::string_view state) {
  return state.size() <= kLongestState &&
         std::ranges::all_of(state, [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
}

}  // namespace

std::string TraceContext::ToHeader() const {
  return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

TraceContext NewTrace() {
  const std::string digits = RandomIdHex((kTraceDigits + kSpanDigits) / 2);
  return {.trace_id = digits.substr(0, kTraceDigits), .span_id = digits.substr(kTraceDigits)};
}

std::optional<TraceContext> ContinueTrace(std::string_view header, std::string_view state) {
  if (header.size() < kHeaderSize) return std::nullopt;
  const std::string_view version = header.substr(0, 2), trace = header.substr(3, kTraceDigits),
                         parent = header.substr(4 + kTraceDigits, kSpanDigits),
                         flags = header.substr(kHeaderSize - 2, 2);
  const bool dashes =
      header[2] == '-' && header[3 + kTraceDigits] == '-' && header[kHeaderSize - 3] == '-';
  if (!dashes || !IsLowerHex(version) || version == "ff" || !IsId(trace) || !IsId(parent) ||
      !IsLowerHex(flags)) {
    return std::nullopt;
  }
  // Later versions can only append to version 00, after another dash.
  if (header.size() > kHeaderSize && (version == "00" || header[kHeaderSize] != '-')) {
    return std::nullopt;
  }
  return TraceContext{.trace_id = std::string(trace),
                      .span_id = RandomIdHex(8),
                      .sampled = (HexDigit(flags[1]) & 1) != 0,
                      .state = IsPassable(state) ? std::string(state) : std::string()};
}

}  // namespace parley

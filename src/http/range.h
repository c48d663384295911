// Range requests (RFC 9110 §14) and validators (§13).
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace parley {

struct ByteRange {
  int64_t first = 0;
  int64_t size = 0;
};

enum class RangeKind {
  kWhole,          // no range, or one that is ignored (another unit, several ranges, malformed)
  kPart,           // a satisfiable range, truncated to the end if necessary
  kUnsatisfiable,  // well-formed, but outside the representation: 416
};

struct RangeAnswer {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range;  // for kPart
};

// Evaluates a Range header (empty if absent) for `size` bytes.
RangeAnswer FindRange(std::string_view header, int64_t size);

// Returns true if a member of an If-None-Match header is this entity tag (including quotes) or "*". Uses
// weak comparison (§8.8.3.2).
bool NamesTag(const std::vector<std::string_view>& members, std::string_view tag);

}  // namespace parley

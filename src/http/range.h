// Parts of a representation (RFC 9110 §14) and its validators (§13).
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
  kWhole,          // none asked for, or not one that is understood (another unit, several, broken)
  kPart,           // one that lies in the representation, perhaps cut to its end
  kUnsatisfiable,  // well formed, but there is nothing of it: 416
};

struct RangeAnswer {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range;  // of kPart
};

// What a Range header (empty: none) asks of `size` bytes.
RangeAnswer FindRange(std::string_view header, int64_t size);

// Does one of an If-None-Match header's members name this entity tag (quotes included), or is one
// "*"? Weak comparison (§8.8.3.2).
bool NamesTag(const std::vector<std::string_view>& members, std::string_view tag);

}  // namespace parley

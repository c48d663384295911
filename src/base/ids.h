// Identifiers: UUIDs for what Parley makes, opaque user ids for people that the backend owns.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace parley {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  // The 36-character form (RFC 9562 §4), any case in; nullopt for anything else.
  static std::optional<Uuid> Parse(std::string_view text);
  static Uuid FromBytes(std::span<const uint8_t, 16> raw);
  std::string ToString() const;  // lower case
  bool IsNil() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;
};
void AppendUuid(std::string& out, const Uuid& id);

// Makes UUIDs of version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits.
// Within one generator they are strictly increasing, so an index on them is appended to.
// Not thread-safe: one per thread.
class UuidGenerator {
 public:
  explicit UuidGenerator(const Clock& clock) : clock_(clock) {}
  Uuid Next();

 private:
  const Clock& clock_;
  int64_t last_millis_ = 0;
  uint16_t counter_ = 0;  // rand_a: 12 bits, counts within a millisecond
};

// Who somebody is, as the token says: 1-64 of [A-Za-z0-9_.:@-] (product.md §2).
using UserId = std::string;
bool IsUserId(std::string_view text);

// Fills with bytes from the kernel's random source (getrandom(2)); aborts where there is none.
void RandomBytes(std::span<uint8_t> out);
std::string RandomHex(size_t bytes);

}  // namespace parley

template <>
struct std::hash<parley::Uuid> {
  size_t operator()(const parley::Uuid& id) const noexcept {
    // Version-7 ids differ mostly in their last 8 bytes; the multiplication spreads foreign ids
    // too.
    uint64_t a, b;
    std::memcpy(&a, id.bytes.data(), 8);
    std::memcpy(&b, id.bytes.data() + 8, 8);
    return static_cast<size_t>((b ^ (a >> 7)) * 0x9E3779B97F4A7C15ull);
  }
};

namespace parley {

// Which of so many shards a conversation belongs to: its home, and the lane that commits it.
inline size_t ShardOf(const Uuid& conversation, size_t shards) {
  return std::hash<Uuid>()(conversation) / 7 % shards;
}

}  // namespace parley

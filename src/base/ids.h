// Identifiers: UUIDs for what Parley makes, opaque user ids for people that the backend owns.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/keyed_hash.h"

namespace parley {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  // The 36-character form (RFC 9562 §4) or its 32 hexadecimal digits without hyphens, in any case;
  // nullopt for anything else.
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

// A user of the backend, as opaque text (product.md §2). A UserId is always in the form that
// ParseUserId gives.
using UserId = std::string;
constexpr size_t kUserIdBytes = 128;
// The rule, for error messages.
inline constexpr std::string_view kUserIdRule =
    "1 to 128 printable ASCII characters without space and \" \\ < > / ? # %, and not . or ..";

// The user id that the text names; the 36-character UUID form is folded to lower case, so that a
// client that sends it in upper case is the same user. nullopt: not a user id. Every entry uses it:
// tokens, bodies, paths, headers, the command line, other systems' events.
std::optional<UserId> ParseUserId(std::string_view text);
// Is the text a user id in the form that ParseUserId gives?
bool IsUserId(std::string_view text);

// Fills with bytes from the kernel's random source (getrandom(2)); aborts where there is none.
void RandomBytes(std::span<uint8_t> out);
std::string RandomHex(size_t bytes);

}  // namespace parley

template <>
struct std::hash<parley::Uuid> {
  // Keyed: clients choose ids in commands and paths.
  size_t operator()(const parley::Uuid& id) const noexcept {
    return static_cast<size_t>(
        parley::KeyedHashOf({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}));
  }
};

namespace parley {

// The shard that a conversation belongs to in this process: its home, and the lane that commits it.
inline size_t ShardOf(const Uuid& conversation, size_t shards) {
  return std::hash<Uuid>()(conversation) / 7 % shards;
}

}  // namespace parley

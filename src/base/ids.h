// Identifiers: UUIDs for Parley's own objects, and opaque user ids from the backend.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
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
inline constexpr size_t kUuidCharacters = 36;
// Writes kUuidCharacters and returns their end.
char* WriteUuid(char* at, const Uuid& id);
void AppendUuid(std::string& out, const Uuid& id);

// Generates version 7 UUIDs (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits. The ids of
// one generator strictly increase, so that database indexes grow at the end. Threads: one.
class UuidGenerator {
 public:
  explicit UuidGenerator(const Clock& clock) : clock_(clock) {}
  Uuid Next();

 private:
  const Clock& clock_;
  int64_t last_millis_ = 0;
  uint16_t counter_ = 0;  // rand_a: a 12-bit counter within a millisecond
};

// The opaque id of a backend user. Invariant: a UserId has the form that ParseUserId returns.
using UserId = std::string;
constexpr size_t kUserIdBytes = 128;
// The format, for error messages.
inline constexpr std::string_view kUserIdRule =
    "1 to 128 printable ASCII characters without space and \" \\ < > / ? # %, and not . or ..";

// Parses a user id. The 36-character UUID form is converted to lower case, so that an id in upper case
// is the same user. Returns nullopt if the text is not a user id. Every input must use this function:
// tokens, bodies, paths, headers, the command line, events of other systems.
std::optional<UserId> ParseUserId(std::string_view text);
// Returns true if the text is a user id in the form that ParseUserId returns.
bool IsUserId(std::string_view text);

// Fills `out` with random bytes from the kernel (getrandom(2)); aborts if that fails.
void RandomBytes(std::span<uint8_t> out);
std::string RandomHex(size_t bytes);

// Random bytes for ids, which must be unique and hard to guess but are not secrets: read from the kernel
// in blocks, one block per thread, instead of by one system call each. Keys use RandomBytes.
void RandomIdBytes(std::span<uint8_t> out);
std::string RandomIdHex(size_t bytes);

}  // namespace parley

template <>
struct std::hash<parley::Uuid> {
  // A keyed hash, because clients choose ids in commands and paths.
  size_t operator()(const parley::Uuid& id) const noexcept {
    return static_cast<size_t>(
        parley::KeyedHashOf({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}));
  }
};

namespace parley {

// The index of a conversation's home shard in this process, which is also that of its commit lane.
inline size_t ShardOf(const Uuid& conversation, size_t shards) {
  return std::hash<Uuid>()(conversation) / 7 % shards;
}

}  // namespace parley

// Hashing for maps whose keys clients choose: SipHash-1-3 with a random key per process, so that
// clients cannot compute colliding keys (hash flooding).
//
// Hashes differ between processes and must not be stored or sent to other nodes.
// Threads: any.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace parley {

// SipHash-1-3 (one round per 8 bytes, three finalization rounds) with a 128-bit key.
uint64_t SipHash13(std::string_view bytes, const std::array<uint64_t, 2>& key);

// SipHash-1-3 with the key of this process.
uint64_t KeyedHashOf(std::string_view bytes);

// Hashes text. Transparent, so that lookups by string_view do not copy.
struct KeyedHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept {
    return static_cast<size_t>(KeyedHashOf(text));
  }
};

// Maps and sets with client-chosen text as key: user ids, client ids, token ids, JSON names.
template <class Value>
using KeyedMap = std::unordered_map<std::string, Value, KeyedHash, std::equal_to<>>;
using KeyedSet = std::unordered_set<std::string, KeyedHash, std::equal_to<>>;
// A set of views; the caller owns the text.
using KeyedViewSet = std::unordered_set<std::string_view, KeyedHash, std::equal_to<>>;

}  // namespace parley

// Hashing for maps whose keys a client chooses: SipHash-1-3 with a random key of this process, so that
// no client can compute keys that collide (hash flooding).
//
// A hash differs from process to process: it must not be stored or sent to another node.
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

// SipHash-1-3 (one round for each 8 bytes, three at the end) under a key of 128 bits.
uint64_t SipHash13(std::string_view bytes, const std::array<uint64_t, 2>& key);

// The same under the key of this process.
uint64_t KeyedHashOf(std::string_view bytes);

// Hashes text; transparent, so that a map is searched by string_view without a copy.
struct KeyedHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept {
    return static_cast<size_t>(KeyedHashOf(text));
  }
};

// Maps and sets of text that a client chooses: user ids, client ids, token ids, names in JSON.
template <class Value>
using KeyedMap = std::unordered_map<std::string, Value, KeyedHash, std::equal_to<>>;
using KeyedSet = std::unordered_set<std::string, KeyedHash, std::equal_to<>>;
// Of text that lives elsewhere.
using KeyedViewSet = std::unordered_set<std::string_view, KeyedHash, std::equal_to<>>;

}  // namespace parley

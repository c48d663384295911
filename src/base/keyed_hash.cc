#include "base/keyed_hash.h"

#include <bit>
#include <cstring>
#include <span>

#include "base/ids.h"

namespace parley {
namespace {

struct SipState {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Take(uint64_t word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }
};

// Little endian, as the algorithm is defined; the last word is padded with zeros.
uint64_t WordAt(const char* at, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, at, size);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

uint64_t SipHash13(std::string_view bytes, const std::array<uint64_t, 2>& key) {
  SipState state{key[0] ^ 0x736F6D6570736575ull, key[1] ^ 0x646F72616E646F6Dull,
                 key[0] ^ 0x6C7967656E657261ull, key[1] ^ 0x7465646279746573ull};
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) state.Take(WordAt(at, 8));
  const uint64_t last = left == 0 ? 0 : WordAt(at, left);
  state.Take(last | static_cast<uint64_t>(bytes.size()) << 56);
  state.v2 ^= 0xFF;
  for (int i = 0; i < 3; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

uint64_t KeyedHashOf(std::string_view bytes) {
  static const std::array<uint64_t, 2> key = [] {
    std::array<uint64_t, 2> random{};
    RandomBytes({reinterpret_cast<uint8_t*>(random.data()), sizeof random});
    return random;
  }();
  return SipHash13(bytes, key);
}

}  // namespace parley

// A fuzz input that defines how it is split into pieces: the first byte (mod 8) is the number of cuts,
// and two bytes for each give its position (big endian, modulo the length of the rest).
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace parley::test {

struct CutInput {
  std::string_view bytes;
  std::vector<size_t> cuts;  // ascending

  template <class F>
  void ForEachPiece(F f) const {
    size_t from = 0;
    for (const size_t cut : cuts) {
      f(bytes.substr(from, cut - from));
      from = cut;
    }
    f(bytes.substr(from));
  }
};

// `bytes` is not empty.
inline CutInput TakeCuts(std::string_view bytes) {
  CutInput input;
  input.cuts.resize(static_cast<uint8_t>(bytes.front()) % 8);
  bytes.remove_prefix(1);
  if (bytes.size() < 2 * input.cuts.size()) input.cuts.clear();
  const std::string_view places = bytes.substr(0, 2 * input.cuts.size());
  input.bytes = bytes.substr(places.size());
  for (size_t i = 0; i < input.cuts.size(); ++i) {
    const auto high = static_cast<uint8_t>(places[2 * i]);
    const auto low = static_cast<uint8_t>(places[2 * i + 1]);
    input.cuts[i] = static_cast<size_t>(high << 8 | low) % (input.bytes.size() + 1);
  }
  std::ranges::sort(input.cuts);
  return input;
}

}  // namespace parley::test

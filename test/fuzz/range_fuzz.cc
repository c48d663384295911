// The range of a Range header must lie in the representation, and must match RFC 9110 §14.1.2.
//
// Input: eight bytes of a size (of which 40 bits are used), then the header.
// Sources: src/http/range.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/range.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  int64_t whole = 0;
  for (int i = 3; i < 8; ++i) whole = whole << 8 | data[i];
  const std::string header(reinterpret_cast<const char*>(data) + 8, size - 8);
  const parley::RangeAnswer answer = parley::FindRange(header, whole);
  if (answer.kind == parley::RangeKind::kPart) {
    Require(answer.range.first >= 0 && answer.range.size > 0);
    Require(answer.range.size <= whole && answer.range.first <= whole - answer.range.size);
    // The same range in plain digits must give the same result.
    const std::string plain = "bytes=" + std::to_string(answer.range.first) + "-" +
                              std::to_string(answer.range.first + answer.range.size - 1);
    const parley::RangeAnswer again = parley::FindRange(plain, whole);
    Require(again.kind == parley::RangeKind::kPart && again.range.first == answer.range.first &&
            again.range.size == answer.range.size);
  }
  (void)parley::NamesTag({header}, "\"tag\"");
  return 0;
}

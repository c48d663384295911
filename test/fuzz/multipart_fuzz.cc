// The parser must read the same form from the same bytes for every way to split them, and must not
// buffer more than its bounds.
//
// Input: the first two bytes give the position of the cut (big endian, modulo the length of the rest), the
// rest is a body with the boundary "b".
// Sources: src/http/multipart.cc src/http/percent.cc src/base/utf8.cc src/base/error.cc
#include <cstdint>
#include <cstdlib>

#include "test/support/multipart_reader.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = static_cast<size_t>(data[0] << 8 | data[1]) % (body.size() + 1);
  const auto whole = parley::test::ReadWhole("b", body);
  Require(whole.parts.size() <= parley::MultipartParser::kMaxParts);
  const auto halves = parley::test::ReadCut("b", body, {cut});
  Require(halves == whole);
  Require(halves.most_held <= parley::MultipartParser::kMaxHeader);
  (void)parley::MultipartBoundary(body);
  return 0;
}

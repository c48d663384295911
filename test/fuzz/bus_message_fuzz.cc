// A message on the bus comes from another node, or from anything else that can publish there: no bytes
// crash the decoder, and what it takes is written back as something that reads the same.
//
// Input: the message.
// Sources: src/bus/bus_message.cc src/base/clock.cc src/base/ids.cc src/base/keyed_hash.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bus/bus_message.h"

namespace {

constexpr size_t kAddedField = 8;

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto decoded = parley::DecodeBus(input);
  if (!decoded) return 0;
  const std::string written = parley::EncodeBus(decoded->node, decoded->message);
  // Fields that this version does not know are left out; the last one of this version may be missing
  // in what an older one wrote, and is added.
  Require(written.size() <= size + kAddedField);
  const auto again = parley::DecodeBus(written);
  Require(again.has_value());
  Require(again->node == decoded->node);
  Require(again->message.index() == decoded->message.index());
  Require(parley::EncodeBus(again->node, again->message) == written);
  return 0;
}

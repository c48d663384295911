// A bus message comes from another node, or from any client that can publish on its channel: no bytes
// may crash the decoder, and a decoded message is encoded to bytes that decode to the same message.
//
// Input: the message.
// Sources: src/bus/bus_message.cc src/base/clock.cc src/base/ids.cc src/base/keyed_hash.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bus/bus_message.h"

namespace {

constexpr size_t kAddedFields = 9;  // of BusEvent: epoch and audience

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto decoded = parley::DecodeBus(input);
  if (!decoded) return 0;
  const std::string written = parley::EncodeBus(decoded->node, decoded->message);
  // Unknown fields are dropped; fields of this version may be missing in a message of an older one,
  // and are added.
  Require(written.size() <= size + kAddedFields);
  const auto again = parley::DecodeBus(written);
  Require(again.has_value());
  Require(again->node == decoded->node);
  Require(again->message.index() == decoded->message.index());
  Require(parley::EncodeBus(again->node, again->message) == written);
  return 0;
}

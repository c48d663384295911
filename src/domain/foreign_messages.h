// What happens to a chat message that Django sends over the channel layer and that is not in the store.
#pragma once
#include <cstdint>

namespace parley {

enum class ForeignMessages : uint8_t {
  kRelay,  // broadcast once, without a seq: it cannot be read again
  kStore,  // stored, if its sender is a participant
  kDrop,
};

}  // namespace parley

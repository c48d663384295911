// Seeds the example of `parley demo`: a conversation of four users with some messages.
#pragma once
#include "base/clock.h"
#include "store/store.h"

namespace parley {

// Called before the node starts. Seeds an empty store; does nothing if the demo exists. Throws
// std::runtime_error if the store fails.
void SeedDemo(Store& store, const Clock& clock);

}  // namespace parley

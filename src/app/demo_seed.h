// What `parley demo` starts with: a conversation of four people who have already said something.
#pragma once
#include "base/clock.h"
#include "store/store.h"

namespace parley {

// Before the node starts. Seeds an empty store and leaves one that holds the demo alone; throws
// std::runtime_error where the store fails.
void SeedDemo(Store& store, const Clock& clock);

}  // namespace parley

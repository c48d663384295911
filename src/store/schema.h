// The schema version of a store, for `parley migrate`.
#pragma once
#include <cstdint>

namespace parley {

struct SchemaState {
  int64_t version = 0;  // 0: the store does not exist yet
  int64_t wanted = 0;   // by this version of Parley
};

}  // namespace parley

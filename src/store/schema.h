// Which schema a store has, for `parley migrate`.
#pragma once
#include <cstdint>

namespace parley {

struct SchemaState {
  int64_t version = 0;  // 0: there is no store yet
  int64_t wanted = 0;   // by this Parley
};

}  // namespace parley

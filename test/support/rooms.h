// Two conversations for tests of the hub.
#pragma once
#include "base/ids.h"

namespace parley::test {

inline const Uuid kRoom{{0x11}}, kOther{{0x22}};

}  // namespace parley::test

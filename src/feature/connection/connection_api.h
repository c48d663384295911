// Commands about the connection itself: authenticate, resume, ping.
#pragma once
#include "feature/services.h"

namespace parley {

void RegisterConnection(Registry& registry);

}  // namespace parley

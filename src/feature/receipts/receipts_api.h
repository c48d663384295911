// Read marks: moved by REST and sockets, told to all, counted as unread.
#pragma once
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterReceipts(Registry& registry, Services& services);

}  // namespace parley

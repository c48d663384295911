// Read marks: moved by REST and sockets, broadcast as receipts; and unread counts.
#pragma once
#include "feature/inbox_cache.h"
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterReceipts(Registry& registry, Services& services, InboxCacheCounters& counters);

}  // namespace parley

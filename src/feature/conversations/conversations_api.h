// The routes and commands of conversations.
#pragma once
#include "feature/inbox_cache.h"
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows. `tasks_by_services`: only services can create task
// conversations.
void RegisterConversations(Registry& registry, Services& services, bool tasks_by_services,
                           InboxCacheCounters& counters);

// Parts of RegisterConversations.
void RegisterParticipants(Registry& registry, Services& services);
void RegisterConversationChanges(Registry& registry, Services& services);
void RegisterDirectAndTask(Registry& registry, Services& services, bool tasks_by_services);
void RegisterReplay(Registry& registry, Services& services);

}  // namespace parley

// The rows of conversations.
#pragma once
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterConversations(Registry& registry, Services& services);

// Parts of it, called by the above.
void RegisterParticipants(Registry& registry, Services& services);
void RegisterConversationChanges(Registry& registry, Services& services);
void RegisterDirectAndTask(Registry& registry, Services& services);
void RegisterReplay(Registry& registry, Services& services);

}  // namespace parley

// The rows of messages: REST routes and socket commands.
#pragma once
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterMessages(Registry& registry, Services& services);
// Edit and delete; called by the above.
void RegisterMessageChanges(Registry& registry, Services& services);

}  // namespace parley

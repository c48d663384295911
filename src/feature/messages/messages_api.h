// The routes and commands of messages.
#pragma once
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterMessages(Registry& registry, Services& services);
// Edit and delete; part of RegisterMessages.
void RegisterMessageChanges(Registry& registry, Services& services);

}  // namespace parley

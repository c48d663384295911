// The rows of conversations.
#pragma once
#include "feature/services.h"

namespace parley {

// `services` outlives the registry's rows.
void RegisterConversations(Registry& registry, Services& services);

}  // namespace parley

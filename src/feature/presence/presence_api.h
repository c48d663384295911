// Presence queries for many users. hub/presence.h broadcasts changes.
#pragma once
#include "feature/services.h"
#include "hub/online_users.h"

namespace parley {

// `services` and `online` outlive the registry's rows.
void RegisterPresence(Registry& registry, Services& services, const OnlineUsers& online);

}  // namespace parley

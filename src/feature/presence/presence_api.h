// Who is online, asked for many at once. What goes out by itself: hub/presence.h.
#pragma once
#include "feature/services.h"
#include "hub/online_users.h"

namespace parley {

// `services` and `online` outlive the registry's rows.
void RegisterPresence(Registry& registry, Services& services, const OnlineUsers& online);

}  // namespace parley

// Revoking tokens before their time is over; for services (P9).
#pragma once
#include "auth/revocations.h"
#include "feature/services.h"

namespace parley {

// `services` and `revocations` outlive the registry's rows. Entries are kept for `kept`, which no
// token should outlive.
void RegisterRevocations(Registry& registry, Services& services, Revocations& revocations,
                         Duration kept);

}  // namespace parley

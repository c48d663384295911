// Revokes tokens before they expire; for services.
#pragma once
#include "auth/revocations.h"
#include "feature/services.h"

namespace parley {

// `services` and `revocations` outlive the registry's rows. Entries are kept for `kept`, which must
// be at least the lifetime of any token.
void RegisterRevocations(Registry& registry, Services& services, Revocations& revocations,
                         Duration kept);

}  // namespace parley

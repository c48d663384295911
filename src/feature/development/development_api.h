// What makes the first minutes easy: a chat page at / and tokens for the asking. In development
// only; production has neither route.
#pragma once
#include <string>
#include <vector>

#include "auth/token_minter.h"
#include "feature/services.h"
#include "http/site_policy.h"

namespace parley {

// `signing_key`: the self-made development key; null: a key is configured, and POST /dev/token does
// not exist.
void RegisterDevelopment(Router& routes, Services& services, const SitePolicy& site,
                         const Key* signing_key);

}  // namespace parley

// For trying Parley: a chat page at / and tokens for any user. Only in development; production has neither
// route.
#pragma once
#include <string>
#include <vector>

#include "auth/token_minter.h"
#include "feature/services.h"
#include "http/site_policy.h"

namespace parley {

// `signing_key`: the generated development key, or null if a key is configured; then POST /dev/token does
// not exist.
void RegisterDevelopment(Router& routes, Services& services, const SitePolicy& site,
                         const Key* signing_key);

}  // namespace parley

// What makes the first minutes easy: a chat page at / and tokens for the asking. In development
// only; production has neither route.
#pragma once
#include <string>
#include <vector>

#include "auth/token_minter.h"
#include "feature/services.h"

namespace parley {

void RegisterDevelopment(Router& routes, Services& services, const Key& signing_key);

}  // namespace parley

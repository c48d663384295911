// The API described for people and programs: /openapi.json and /docs.
#pragma once
#include <vector>

#include "domain/limits.h"
#include "http/router.h"

namespace parley {

// Describes what `described` serve, `routes` with these two rows among them, as it is at this
// moment: to be called after all other features.
void RegisterApiDoc(Router& routes, const std::vector<const Router*>& described,
                    const Limits& limits);

}  // namespace parley

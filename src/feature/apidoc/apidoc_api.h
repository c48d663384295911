// The API documentation: /openapi.json and /docs.
#pragma once
#include <vector>

#include "domain/limits.h"
#include "http/router.h"

namespace parley {

// Documents the current routes of `described`, including these two. Call it after all other features.
void RegisterApiDoc(Router& routes, const std::vector<const Router*>& described,
                    const Limits& limits);

}  // namespace parley

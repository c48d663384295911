// GET /trace/{id}: the recorded stages of one message on this node, without its content, for `parley trace`.
#pragma once
#include "feature/services.h"
#include "hub/trace_logs.h"

namespace parley {

// `node`: the name of this node in responses. `open`: the route needs no token; otherwise it requires a service
// token.
void RegisterTrace(Router& routes, Services& services, TraceLogs& logs, std::string node,
                   bool open);

}  // namespace parley

// The common path of all durable changes, from REST and from sockets.
#pragma once
#include "base/task.h"
#include "feature/services.h"

namespace parley {

// Applies a change, broadcasts its event, and notifies added users. Errors: as ChangeStore::Apply.
Task<Result<AppliedChange>> ApplyChange(Services& services, Uuid conversation, Caller caller,
                                        ChangeVerb verb);

}  // namespace parley

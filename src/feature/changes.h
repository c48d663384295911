// What every verb that changes something durable goes through, from REST and from sockets.
#pragma once
#include "base/task.h"
#include "feature/services.h"

namespace parley {

// Applies, lets the event out, and tells who was added. Errors: as Store::Apply.
Task<Result<AppliedChange>> ApplyChange(Services& services, Uuid conversation, Caller caller,
                                        ChangeVerb verb);

}  // namespace parley

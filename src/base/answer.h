// Completes an asynchronous call from another thread: exactly once, on the caller's executor.
#pragma once
#include "base/result.h"
#include "base/task.h"

namespace parley {

template <class T>
using Answer = Resolve<Result<T>>;

}  // namespace parley

// How a call that another thread works on gives its result back: once, on the asker's executor.
#pragma once
#include "base/result.h"
#include "base/task.h"

namespace parley {

template <class T>
using Answer = Resolve<Result<T>>;

}  // namespace parley

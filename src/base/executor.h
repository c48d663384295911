// Where a piece of work runs. A shard is one; tests have one that they step by hand.
#pragma once
#include "base/unique_function.h"

namespace parley {

using Callback = UniqueFunction<void()>;

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` later on the executor's own thread, after everything posted to it before by the
  // same thread. Never runs it inside the call. Thread-safe.
  virtual void Post(Callback work) = 0;
};

}  // namespace parley

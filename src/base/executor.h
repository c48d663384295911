// Runs tasks on its own thread. Shards are executors; tests use one that they step manually.
#pragma once
#include <cstddef>

#include "base/unique_function.h"

namespace parley {

using Callback = UniqueFunction<void()>;

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` later on the executor's thread, after all tasks that the calling thread posted
  // before. Never runs it inside the call. Threads: any.
  virtual void Post(Callback work) = 0;
  // Like Post, for a task that holds the given number of bytes received from other nodes.
  virtual void PostHolding(Callback work, size_t /*bytes*/) { Post(std::move(work)); }
  // Returns true while too many tasks are queued. No task is refused: callers that read external input
  // pause until this returns false (back-pressure). Threads: any.
  virtual bool Congested() const { return false; }
};

}  // namespace parley

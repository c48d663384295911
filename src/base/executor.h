// Where a piece of work runs. A shard is one; tests have one that they step by hand.
#pragma once
#include <cstddef>

#include "base/unique_function.h"

namespace parley {

using Callback = UniqueFunction<void()>;

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` later on the executor's own thread, after everything posted to it before by the
  // same thread. Never runs it inside the call. Thread-safe.
  virtual void Post(Callback work) = 0;
  // The same, for work that keeps so many bytes of what other nodes have sent.
  virtual void PostHolding(Callback work, size_t /*bytes*/) { Post(std::move(work)); }
  // More waits than should. Nothing is refused: those who can hold back what comes from outside do so
  // until this is false. Thread-safe.
  virtual bool Congested() const { return false; }
};

}  // namespace parley

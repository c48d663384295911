// Reads: a few threads, each with a read-only connection of its own, so that history never waits
// for the writer. The queue is bounded.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "base/unique_function.h"
#include "base/worker_pool.h"
#include "store/sql_session.h"

namespace parley {

class ReaderPool {
 public:
  using Job = UniqueFunction<void(SqlSession*)>;  // nullptr: not run, the pool is full or closed
  using Open = std::function<std::unique_ptr<SqlSession>()>;

  ReaderPool(const Open& open, size_t threads, size_t max_queued);

  // Any thread; the job runs on a reader's thread, or here with nullptr.
  void Submit(Job job);
  // Does what is queued first.
  void Close() { workers_.Close(); }
  // Jobs that found every reader busy.
  uint64_t waited() const { return workers_.waited(); }
  size_t queued() const { return workers_.queued(); }  // now

 private:
  const std::vector<std::unique_ptr<SqlSession>> sessions_;  // one for each thread
  WorkerPool workers_;
};

}  // namespace parley

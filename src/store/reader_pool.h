// Reads: a few threads, each with a read-only connection of its own, so that history never waits
// for the writer. The queue is bounded.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_function.h"
#include "store/sql_session.h"

namespace parley {

class ReaderPool {
 public:
  using Job = UniqueFunction<void(SqlSession*)>;  // nullptr: not run, the pool is full or closed
  using Open = std::function<std::unique_ptr<SqlSession>()>;

  ReaderPool(const Open& open, size_t threads, size_t max_queued);
  ~ReaderPool();

  // Any thread; the job runs on a reader's thread, or here with nullptr.
  void Submit(Job job);
  void Close();

 private:
  void Run(SqlSession& session);

  const size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Job> queue_;  // guarded by mutex_
  bool closed_ = false;    // guarded by mutex_
  std::vector<std::unique_ptr<SqlSession>> sessions_;
  std::vector<std::thread> threads_;
};

}  // namespace parley

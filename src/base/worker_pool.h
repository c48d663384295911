// Threads for blocking calls on files and databases, with a bounded queue.
#pragma once
#include <deque>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_function.h"

namespace parley {

class WorkerPool {
 public:
  using Job = UniqueFunction<void()>;

  WorkerPool(size_t threads, size_t max_queued);
  ~WorkerPool();

  // Returns false, and leaves the job unchanged, if the pool is full or closed. Threads: any.
  bool Submit(Job& job);
  // Runs the queued jobs and joins the threads.
  void Close();

 private:
  void Run();

  const size_t max_queued_;
  Mutex mutex_;
  CondVar arrived_;
  std::deque<Job> queue_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace parley

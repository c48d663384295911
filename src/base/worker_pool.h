// A few threads for calls that block: files, databases. The queue is bounded.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_function.h"

namespace parley {

class WorkerPool {
 public:
  using Job = UniqueFunction<void()>;

  WorkerPool(size_t threads, size_t max_queued);
  ~WorkerPool();

  // Any thread. False: the pool is full or closed, and the job is untouched.
  bool Submit(Job& job);
  // Does what is queued, and ends the threads.
  void Close();

 private:
  void Run();

  const size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Job> queue_;  // guarded by mutex_
  bool closed_ = false;    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace parley

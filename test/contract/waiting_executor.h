// An executor that accepts work from any thread and runs it on the thread that waits.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/executor.h"

namespace parley::test {

class WaitingExecutor final : public Executor {
 public:
  void Post(Callback work) override {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    ++posts_;
    arrived_.notify_one();  // under the lock: the waiter may destroy this executor next
  }

  // Runs work until `done()`; returns false if no work arrives for a long time.
  template <class Done>
  bool RunUntil(Done done) {
    while (!done()) {
      Callback work;
      {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_for(lock, kPatience, [this] { return !queue_.empty(); })) return false;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
    return true;
  }

  // Runs all queued work.
  void RunWaiting() {
    RunUntil([this] { return waiting() == 0; });
  }
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }
  size_t posts() const {  // in total
    const std::lock_guard lock(mutex_);
    return posts_;
  }

 private:
  static constexpr std::chrono::seconds kPatience{30};
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Callback> queue_;  // guarded by mutex_
  size_t posts_ = 0;            // guarded by mutex_
};

}  // namespace parley::test

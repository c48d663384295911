// An executor that a test steps: posted work waits, in order, until the test runs it.
#pragma once
#include <cstddef>
#include <deque>
#include <utility>

#include "base/executor.h"

namespace parley::test {

class StepExecutor final : public Executor {
 public:
  void Post(Callback work) override {
    ++posted_;
    queue_.push_back(std::move(work));
  }

  bool idle() const { return queue_.empty(); }
  bool running() const { return running_; }  // inside posted work
  size_t posted() const { return posted_; }  // in total

  // Runs the oldest work; returns false if there is none.
  bool Step() {
    if (queue_.empty()) return false;
    Callback work = std::move(queue_.front());
    queue_.pop_front();
    running_ = true;
    work();
    running_ = false;
    return true;
  }
  // Runs all work, including work that it posts.
  void Run() {
    while (Step()) {
    }
  }

 private:
  std::deque<Callback> queue_;
  size_t posted_ = 0;
  bool running_ = false;
};

}  // namespace parley::test

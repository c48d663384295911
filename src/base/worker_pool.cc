#include "base/worker_pool.h"

#include <utility>

namespace parley {

WorkerPool::WorkerPool(size_t threads, size_t max_queued)
    : max_queued_(max_queued), idle_(threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { Run(i); });
}

WorkerPool::~WorkerPool() { Close(); }

bool WorkerPool::Submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || queue_.size() >= max_queued_) return false;
    if (queue_.size() >= idle_) waited_.Add();
    queue_.push_back(std::move(job));
  }
  arrived_.notify_one();
  return true;
}

size_t WorkerPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void WorkerPool::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Run(size_t thread) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      --idle_;
    }
    job(thread);
    const std::lock_guard lock(mutex_);
    ++idle_;
  }
}

}  // namespace parley

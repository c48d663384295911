#include "store/reader_pool.h"

namespace parley {

ReaderPool::ReaderPool(const Open& open, size_t threads, size_t max_queued)
    : max_queued_(max_queued) {
  for (size_t i = 0; i < threads; ++i) sessions_.push_back(open());
  for (const auto& session : sessions_) {
    threads_.emplace_back([this, &session = *session] { Run(session); });
  }
}

ReaderPool::~ReaderPool() { Close(); }

void ReaderPool::Submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && queue_.size() < max_queued_) {
      queue_.push_back(std::move(job));
      arrived_.notify_one();
      return;
    }
  }
  job(nullptr);
}

void ReaderPool::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ReaderPool::Run(SqlSession& session) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job(&session);
  }
}

}  // namespace parley

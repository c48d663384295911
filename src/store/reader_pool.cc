#include "store/reader_pool.h"

namespace parley {
namespace {

constexpr size_t kNoThread = SIZE_MAX;

std::vector<std::unique_ptr<SqlSession>> OpenSessions(const ReaderPool::Open& open, size_t count) {
  std::vector<std::unique_ptr<SqlSession>> sessions;
  while (sessions.size() < count) sessions.push_back(open());
  return sessions;
}

}  // namespace

ReaderPool::ReaderPool(const Open& open, size_t threads, size_t max_queued)
    : sessions_(OpenSessions(open, threads)), workers_(threads, max_queued) {}

void ReaderPool::Submit(Job job) {
  WorkerPool::Job work = [this, job = std::move(job)](size_t thread) mutable {
    job(thread == kNoThread ? nullptr : sessions_[thread].get());
  };
  if (!workers_.Submit(work)) work(kNoThread);
}

}  // namespace parley

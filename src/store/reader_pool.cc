#include "store/reader_pool.h"

#include <string>
#include <utility>

#include "base/thread_name.h"

namespace parley {
namespace {

std::vector<std::unique_ptr<SqlSession>> OpenSessions(const ReaderPool::Open& open, size_t count) {
  std::vector<std::unique_ptr<SqlSession>> sessions;
  while (sessions.size() < count) sessions.push_back(open());
  return sessions;
}

}  // namespace

ReaderPool::ReaderPool(const Open& open, const Options& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      sessions_(OpenSessions(open, 1 + options.shared_threads)),
      shared_idle_(options.shared_threads) {
  threads_.emplace_back([this] {
    NameThread("reader-0");
    RunCritical(*sessions_.front());
  });
  for (size_t i = 1; i < sessions_.size(); ++i) {
    threads_.emplace_back([this, i] {
      NameThread("reader-" + std::to_string(i));
      RunShared(*sessions_[i]);
    });
  }
}

ReaderPool::~ReaderPool() { Close(); }

void ReaderPool::Submit(ReadClass kind, Job job) {
  const bool critical = kind == ReadClass::kCritical;
  {
    MutexLock lock(mutex_);
    Queue& queue = Of(kind);
    if (closed_ || queue.size() >= options_.max_queued[static_cast<size_t>(kind)]) {
      if (!closed_) refused_[static_cast<size_t>(kind)].full.Add();
      lock.Unlock();
      return job(nullptr);
    }
    const size_t ahead =
        critical ? queue.size() : Of(ReadClass::kInteractive).size() + Of(ReadClass::kBulk).size();
    if (ahead >= (critical ? (critical_busy_ ? 0U : 1U) : shared_idle_)) waited_.Add();
    queue.push_back({std::move(job), clock_.Steady()});
  }
  (critical ? critical_arrived_ : shared_arrived_).NotifyOne();
}

ReadStats ReaderPool::stats(ReadClass kind) const {
  const MutexLock lock(mutex_);
  const Refused& refused = refused_[static_cast<size_t>(kind)];
  return {.queued = queues_[static_cast<size_t>(kind)].size(),
          .refused_full = refused.full.value(),
          .refused_late = refused.late.value()};
}

void ReaderPool::Close() {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  critical_arrived_.NotifyAll();
  shared_arrived_.NotifyAll();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

ReaderPool::Queued ReaderPool::Take(ReadClass kind) {
  Queue& jobs = Of(kind);
  Queued taken = std::move(jobs.front());
  jobs.pop_front();
  return taken;
}

void ReaderPool::Run(ReadClass kind, Queued taken, SqlSession& session) {
  const bool late = clock_.Steady() - taken.since > options_.patience;
  if (late) refused_[static_cast<size_t>(kind)].late.Add();
  taken.job(late ? nullptr : &session);
}

void ReaderPool::RunCritical(SqlSession& session) {
  MutexLock lock(mutex_);
  Queue& jobs = Of(ReadClass::kCritical);
  while (true) {
    while (!closed_ && jobs.empty()) critical_arrived_.Wait(mutex_);
    if (jobs.empty()) return;
    Queued taken = Take(ReadClass::kCritical);
    critical_busy_ = true;
    lock.Unlock();
    Run(ReadClass::kCritical, std::move(taken), session);
    lock.Lock();
    critical_busy_ = false;
  }
}

bool ReaderPool::MayRunBulk() const {
  return options_.shared_threads == 1 || bulk_running_ + 1 < options_.shared_threads;
}

std::optional<ReadClass> ReaderPool::NextShared() {
  const bool interactive = !Of(ReadClass::kInteractive).empty();
  const bool bulk = !Of(ReadClass::kBulk).empty() && MayRunBulk();
  if (bulk && (!interactive || interactive_in_a_row_ >= kInteractiveInARow)) {
    interactive_in_a_row_ = 0;
    return ReadClass::kBulk;
  }
  if (!interactive) return std::nullopt;
  if (bulk) ++interactive_in_a_row_;
  return ReadClass::kInteractive;
}

void ReaderPool::RunShared(SqlSession& session) {
  MutexLock lock(mutex_);
  while (true) {
    std::optional<ReadClass> kind = NextShared();
    while (!kind) {
      if (closed_ && Of(ReadClass::kInteractive).empty() && Of(ReadClass::kBulk).empty()) return;
      shared_arrived_.Wait(mutex_);
      kind = NextShared();
    }
    const bool bulk = kind == ReadClass::kBulk;
    Queued taken = Take(*kind);
    --shared_idle_;
    if (bulk) ++bulk_running_;
    lock.Unlock();
    Run(*kind, std::move(taken), session);
    lock.Lock();
    ++shared_idle_;
    if (!bulk) continue;
    --bulk_running_;
    // Another thread may have left a bulk read to this one, or may wait to exit.
    shared_arrived_.NotifyAll();
  }
}

}  // namespace parley

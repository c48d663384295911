#include "store/reader_pool.h"

#include <utility>

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
  threads_.emplace_back([this] { RunCritical(*sessions_.front()); });
  for (size_t i = 1; i < sessions_.size(); ++i) {
    threads_.emplace_back([this, i] { RunShared(*sessions_[i]); });
  }
}

ReaderPool::~ReaderPool() { Close(); }

void ReaderPool::Submit(ReadClass kind, Job job) {
  Queue& queue = Of(kind);
  const bool critical = kind == ReadClass::kCritical;
  {
    std::unique_lock lock(mutex_);
    if (closed_ || queue.jobs.size() >= options_.max_queued[static_cast<size_t>(kind)]) {
      if (!closed_) queue.refused_full.Add();
      lock.unlock();
      return job(nullptr);
    }
    const size_t ahead =
        critical ? queue.jobs.size()
                 : Of(ReadClass::kInteractive).jobs.size() + Of(ReadClass::kBulk).jobs.size();
    if (ahead >= (critical ? (critical_busy_ ? 0U : 1U) : shared_idle_)) waited_.Add();
    queue.jobs.push_back({std::move(job), clock_.Steady()});
  }
  (critical ? critical_arrived_ : shared_arrived_).notify_one();
}

ReadStats ReaderPool::stats(ReadClass kind) const {
  const std::lock_guard lock(mutex_);
  const Queue& queue = queues_[static_cast<size_t>(kind)];
  return {.queued = queue.jobs.size(),
          .refused_full = queue.refused_full.value(),
          .refused_late = queue.refused_late.value()};
}

void ReaderPool::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  critical_arrived_.notify_all();
  shared_arrived_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

ReaderPool::Queued ReaderPool::Take(ReadClass kind) {
  std::deque<Queued>& jobs = Of(kind).jobs;
  Queued taken = std::move(jobs.front());
  jobs.pop_front();
  return taken;
}

void ReaderPool::Run(ReadClass kind, Queued taken, SqlSession& session) {
  const bool late = clock_.Steady() - taken.since > options_.patience;
  if (late) Of(kind).refused_late.Add();
  taken.job(late ? nullptr : &session);
}

void ReaderPool::RunCritical(SqlSession& session) {
  std::unique_lock lock(mutex_);
  std::deque<Queued>& jobs = Of(ReadClass::kCritical).jobs;
  while (true) {
    critical_arrived_.wait(lock, [&] { return closed_ || !jobs.empty(); });
    if (jobs.empty()) return;
    Queued taken = Take(ReadClass::kCritical);
    critical_busy_ = true;
    lock.unlock();
    Run(ReadClass::kCritical, std::move(taken), session);
    lock.lock();
    critical_busy_ = false;
  }
}

bool ReaderPool::MayRunBulk() const {
  return options_.shared_threads == 1 || bulk_running_ + 1 < options_.shared_threads;
}

std::optional<ReadClass> ReaderPool::NextShared() {
  const bool interactive = !Of(ReadClass::kInteractive).jobs.empty();
  const bool bulk = !Of(ReadClass::kBulk).jobs.empty() && MayRunBulk();
  if (bulk && (!interactive || interactive_in_a_row_ >= kInteractiveInARow)) {
    interactive_in_a_row_ = 0;
    return ReadClass::kBulk;
  }
  if (!interactive) return std::nullopt;
  if (bulk) ++interactive_in_a_row_;
  return ReadClass::kInteractive;
}

void ReaderPool::RunShared(SqlSession& session) {
  std::unique_lock lock(mutex_);
  while (true) {
    std::optional<ReadClass> kind;
    shared_arrived_.wait(lock, [&] {
      kind = NextShared();
      const bool empty =
          Of(ReadClass::kInteractive).jobs.empty() && Of(ReadClass::kBulk).jobs.empty();
      return kind || (closed_ && empty);
    });
    if (!kind) return;
    const bool bulk = kind == ReadClass::kBulk;
    Queued taken = Take(*kind);
    --shared_idle_;
    if (bulk) ++bulk_running_;
    lock.unlock();
    Run(*kind, std::move(taken), session);
    lock.lock();
    ++shared_idle_;
    if (!bulk) continue;
    --bulk_running_;
    // Another thread may have left a bulk read to the one that ran one, or waits for the last.
    shared_arrived_.notify_all();
  }
}

}  // namespace parley

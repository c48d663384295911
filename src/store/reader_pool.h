// A pool of threads for reads, each with a read-only connection, so that reads never wait for the writer.
//
//   kCritical      reads that guarantees depend on: the access log, revocations, heads. They have a
//                  thread and a connection of their own.
//   kInteractive   reads that a client waits for: subscriptions, pages, messages.
//   kBulk          lists, counts, exports. They run when no interactive read is queued, and leave one
//                  shared thread free for interactive reads. After kInteractiveInARow interactive
//                  reads, one bulk read runs first.
//
// Each class has a bounded queue. A read is refused if its queue is full, or if it was queued for longer
// than a client waits: running it would only delay the others.
//
// Threads: any thread may submit. Jobs run on the pool's threads; refused jobs run on the thread that
// refuses them.
#pragma once
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/unique_function.h"
#include "store/sql_session.h"
#include "store/store_stats.h"

namespace parley {

class ReaderPool {
 public:
  using Job = UniqueFunction<void(SqlSession*)>;  // nullptr: the read is refused
  using Open = std::function<std::unique_ptr<SqlSession>()>;

  struct Options {
    size_t shared_threads = 2;  // for kInteractive and kBulk
    std::array<size_t, kReadClasses.size()> max_queued = {1'000, 10'000, 2'000};
    Duration patience = std::chrono::seconds(10);  // maximum time in the queue
  };

  ReaderPool(const Open& open, const Options& options, const Clock& clock);
  ~ReaderPool();

  void Submit(ReadClass kind, Job job);
  // Runs the queued jobs, then stops the threads. Later jobs are refused.
  void Close();
  // Number of jobs that found all threads of their class busy.
  uint64_t waited() const { return waited_.value(); }
  ReadStats stats(ReadClass kind) const;

 private:
  static constexpr int kInteractiveInARow = 16;
  struct Queued {
    Job job;
    Monotonic since;
  };
  using Queue = std::deque<Queued>;
  struct Refused {
    Counter full, late;
  };

  Queue& Of(ReadClass kind) REQUIRES(mutex_) { return queues_[static_cast<size_t>(kind)]; }
  void RunCritical(SqlSession& session);
  void RunShared(SqlSession& session);
  // The class that a shared thread takes from next; not set: the thread waits.
  std::optional<ReadClass> NextShared() REQUIRES(mutex_);
  bool MayRunBulk() const REQUIRES(mutex_);
  Queued Take(ReadClass kind) REQUIRES(mutex_);
  void Run(ReadClass kind, Queued taken, SqlSession& session);

  const Options options_;
  const Clock& clock_;
  const std::vector<std::unique_ptr<SqlSession>> sessions_;  // of the critical thread first
  mutable Mutex mutex_;
  CondVar critical_arrived_, shared_arrived_;
  std::array<Queue, kReadClasses.size()> queues_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  bool critical_busy_ GUARDED_BY(mutex_) = false;
  size_t shared_idle_ GUARDED_BY(mutex_);  // shared threads without a job
  size_t bulk_running_ GUARDED_BY(mutex_) = 0;
  int interactive_in_a_row_ GUARDED_BY(mutex_) = 0;  // while a bulk read waited
  std::array<Refused, kReadClasses.size()> refused_;
  Counter waited_;
  std::vector<std::thread> threads_;
};

}  // namespace parley

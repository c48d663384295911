// Group commit: one writer thread, one connection. While a transaction is being synced, the next
// batch gathers; a batch is one transaction and one fsync. Low load waits for one fsync, high load
// shares it.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "store/sql_session.h"
#include "store/store.h"

namespace parley {

// One write: applied inside the batch's transaction on the writer's thread, answered afterwards on
// its executor.
class Write {
 public:
  explicit Write(Executor& on) : on_(on) {}
  virtual ~Write() = default;
  // May be applied again, where its first batch failed. Logical failures are kept for Answer; a
  // StoreFailure rolls the batch back.
  virtual void Apply(SqlSession& session) = 0;
  // nullptr: committed.
  virtual void Answer(const Error* failure) = 0;
  virtual size_t bytes() const { return 256; }
  // Whose order with others it has: those of one conversation are committed as they came.
  virtual std::optional<Uuid> conversation() const { return std::nullopt; }
  // Takes long (a conversation of many): it is kept away from the writes that clients wait for.
  virtual bool is_long() const { return false; }
  // Writes of one kind that follow each other may be applied together where that saves round trips:
  // the first is asked. nullptr: of no kind.
  virtual const void* kind() const { return nullptr; }
  virtual void ApplyTogether(SqlSession&, SqlPipeline& /*first*/, std::span<Write* const>) {}
  Executor& on() { return on_; }

 private:
  Executor& on_;
};

// Work that nobody waits for, a small piece in each transaction of its own. Writer's thread. Where a
// piece fails there is another a second later.
struct Upkeep {
  std::function<bool(SqlSession&)> piece;      // true: there is more
  std::function<void(bool committed)> settle;  // after each piece; false: it may be in or not
};

class GroupCommit {
 public:
  // `stuck_after`: a transaction that takes so long stands before a store that does not answer.
  GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued, Upkeep upkeep = {},
              std::chrono::milliseconds stuck_after = std::chrono::seconds(3));
  ~GroupCommit();

  // Any thread. Answers store_unavailable at once (by post) where the queue is full or closed, or
  // would wait behind a transaction that is stuck.
  void Submit(std::unique_ptr<Write> write);
  // Has upkeep run within that time, between two batches. Any thread.
  void WantUpkeep(std::chrono::milliseconds within);
  void Close();
  bool healthy() const;
  StoreStats stats() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Batch = std::vector<std::unique_ptr<Write>>;
  void Run();
  void CommitBatch(Batch batch);
  // Answers those whose conversation is locked by somebody who does not let go.
  void RefuseBlocked(Batch& batch);
  void ApplyAll(std::span<const std::unique_ptr<Write>> writes);
  void LockConversations(std::span<const std::unique_ptr<Write>> writes);
  std::optional<StoreFailure::Kind> TryCommit(std::span<const std::unique_ptr<Write>> writes);
  void RunUpkeep();
  size_t NextBatch() const;  // how many of the queue; under mutex_
  bool UpkeepIsDue() const;  // under mutex_
  bool IsStuck() const;      // under mutex_
  void NoteProgress();       // a transaction begins
  // Those who waited behind a transaction that was stuck and has failed.
  void RefuseQueued();
  static void Deliver(Batch batch, std::shared_ptr<const Error> failure);

  std::unique_ptr<SqlSession> session_;
  const size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Batch queue_;                           // guarded by mutex_
  size_t queued_bytes_ = 0;               // guarded by mutex_
  bool closed_ = false;                   // guarded by mutex_
  std::optional<SteadyTime> busy_since_;  // guarded by mutex_
  StoreStats stats_;                      // guarded by mutex_
  std::map<Uuid, SteadyTime> blocked_;    // until; the writer's thread
  const Upkeep upkeep_;
  const std::chrono::milliseconds stuck_after_;
  std::optional<SteadyTime> upkeep_at_;  // guarded by mutex_
  std::atomic<bool> healthy_{true};      // the last transaction was committed
  std::thread thread_;
};

}  // namespace parley

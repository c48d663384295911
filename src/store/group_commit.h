// Group commit: one writer thread, one connection. While a transaction is being synced, the next
// batch gathers; a batch is one transaction and one fsync. Low load waits for one fsync, high load
// shares it.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "base/mutex.h"
#include "store/held_writes.h"
#include "store/sql_session.h"
#include "store/store_stats.h"
#include "store/write.h"

namespace parley {

// Work that nobody waits for, a small piece in each transaction of its own. Writer's thread. Where a
// piece fails there is another a second later.
struct Upkeep {
  std::function<bool(SqlSession&)> piece;      // true: there is more
  std::function<void(bool committed)> settle;  // after each piece; false: it may be in or not
  // Between two pieces: they take a small part of the time of a lane that clients wait for.
  std::chrono::milliseconds pause{20};
};

// The queue, its thread and upkeep are in group_commit.cc, a transaction in group_commit_transaction.cc, and
// what becomes of writes whose transaction fails or meets a lock in group_commit_failure.cc.
class GroupCommit {
 public:
  // `stuck_after`: a write that has waited longer is refused before it is tried, and a transaction
  // that takes longer stands before a store that does not answer.
  GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued, Upkeep upkeep = {},
              std::chrono::milliseconds stuck_after = std::chrono::seconds(3));
  ~GroupCommit();

  // Any thread. Answers store_unavailable at once (by post) where the queue is full or closed, or
  // would wait behind one that is not answered in time.
  void Submit(std::unique_ptr<Write> write);
  // Has upkeep run within that time, between two batches. Any thread.
  void WantUpkeep(std::chrono::milliseconds within);
  void Close();
  bool healthy() const;
  StoreStats stats() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Batch = std::vector<std::unique_ptr<Write>>;
  using Kind = StoreFailure::Kind;
  using Locking = ConversationLocks::Mode;
  static constexpr size_t kBatchWrites = 512;
  // How a try to commit went.
  struct Attempt {
    std::optional<Kind> failed;  // nullopt: it is committed, but for what is busy
    size_t first = 0, last = 0;  // the writes that were applied when it failed, end exclusive
    bool locking = false;        // it failed before anything was applied
    std::set<Uuid> busy;         // conversations that were passed over
  };
  void Run();
  Batch TakeBatch(bool& upkeep, bool& closed);
  void CommitBatch(Batch batch, Locking locking);
  void HandleFailure(Batch batch, const Attempt& attempt, Locking locking);
  // Puts aside those whose conversation has writes aside already.
  void HoldBehindHeld(Batch& batch);
  void Hold(Batch batch);
  void RetryHeld();
  // Answers those whose like was just refused for a lock.
  void RefuseBlocked(Batch& batch);
  void Block(const Write& write);
  void ApplyAll(std::span<const std::unique_ptr<Write>> writes, Locking locking, Attempt& attempt);
  void LockConversations(std::span<const std::unique_ptr<Write>> writes, Locking locking,
                         Attempt& attempt);
  Attempt TryCommit(std::span<const std::unique_ptr<Write>> writes, Locking locking);
  // Commits; where the answer is lost, asks for the outcome for some seconds.
  void CommitAndSettle();
  SqlSession::Outcome AwaitOutcome(SteadyTime deadline);
  void RunUpkeep();
  void NoteHealth(Kind failure);
  size_t NextBatch() const REQUIRES(mutex_);  // how many of the queue
  bool UpkeepIsDue() const REQUIRES(mutex_);
  bool IsStuck() const REQUIRES(mutex_);
  void NoteProgress();  // the store has answered, or is asked now
  // Those who have waited too long.
  void RefuseOverdue();
  void Refuse(Batch batch);
  void NoteHeld();
  static void Deliver(Batch batch, std::shared_ptr<const Error> failure);

  std::unique_ptr<SqlSession> session_;
  const size_t max_queued_;
  mutable Mutex mutex_;
  CondVar arrived_;
  Batch queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  size_t held_count_ GUARDED_BY(mutex_) = 0;  // of held_
  size_t held_bytes_ GUARDED_BY(mutex_) = 0;  // of held_
  bool closed_ GUARDED_BY(mutex_) = false;
  std::optional<SteadyTime> busy_since_ GUARDED_BY(mutex_);
  std::optional<SteadyTime> oldest_in_hand_ GUARDED_BY(mutex_);  // of the batch under way
  StoreStats stats_ GUARDED_BY(mutex_);
  // The lane's thread alone:
  HeldWrites held_;
  SteadyTime retry_held_at_{};
  std::map<std::pair<Uuid, const void*>, SteadyTime> blocked_;  // by conversation and kind: until
  bool in_doubt_ = false;  // the outcome of the last transaction is still in progress
  const Upkeep upkeep_;
  const std::chrono::milliseconds stuck_after_;
  std::optional<SteadyTime> upkeep_at_ GUARDED_BY(mutex_);
  std::atomic<bool> healthy_{true};  // the store could be reached when it was last asked
  std::thread thread_;
};

// Of a value that the database refuses.
Error RefusedValue();

}  // namespace parley

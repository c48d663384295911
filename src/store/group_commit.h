// Group commit: one writer thread, one connection. While a transaction is synced, the next batch
// gathers; a batch is one transaction and one fsync. At low load, a write waits for one fsync; at high
// load, writes share it.
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

// Background work, in small pieces, each in its own transaction. After a failure, the next piece runs a
// second later. Threads: the writer's.
struct Upkeep {
  std::function<bool(SqlSession&)> piece;      // returns true if there is more
  std::function<void(bool committed)> settle;  // after each piece; false: the outcome is unknown
  // The pause between two pieces, so that upkeep takes a small part of the time of a client lane.
  std::chrono::milliseconds pause{20};
};

// group_commit.cc has the queue, its thread and upkeep; group_commit_transaction.cc has a transaction;
// group_commit_failure.cc handles writes whose transaction fails or meets a lock.
class GroupCommit {
 public:
  // `stuck_after`: a write that has waited longer is refused before it is tried, and a transaction that
  // takes longer means that the store does not respond.
  GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued, Upkeep upkeep = {},
              std::chrono::milliseconds stuck_after = std::chrono::seconds(3));
  ~GroupCommit();

  // Answers store_unavailable at once (by post) if the queue is full or closed, or if a transaction is
  // stuck. Threads: any.
  void Submit(std::unique_ptr<Write> write);
  // Schedules upkeep within this time, between two batches. Threads: any.
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
  // The result of an attempt to commit.
  struct Attempt {
    std::optional<Kind> failed;  // nullopt: committed, except writes to busy conversations
    size_t first = 0, last = 0;  // the writes being applied at the failure, end exclusive
    bool locking = false;        // the failure came before any write was applied
    std::set<Uuid> busy;         // skipped conversations
  };
  void Run();
  Batch TakeBatch(bool& upkeep, bool& closed);
  void CommitBatch(Batch batch, Locking locking);
  void HandleFailure(Batch batch, const Attempt& attempt, Locking locking);
  // Holds the writes whose conversation has held writes already.
  void HoldBehindHeld(Batch& batch);
  void Hold(Batch batch);
  void RetryHeld();
  // Refuses the writes of a kind that was just refused because of a lock.
  void RefuseBlocked(Batch& batch);
  void Block(const Write& write);
  void ApplyAll(std::span<const std::unique_ptr<Write>> writes, Locking locking, Attempt& attempt);
  void LockConversations(std::span<const std::unique_ptr<Write>> writes, Locking locking,
                         Attempt& attempt);
  Attempt TryCommit(std::span<const std::unique_ptr<Write>> writes, Locking locking);
  // Commits; if the response is lost, asks for the outcome for some seconds.
  void CommitAndSettle();
  SqlSession::Outcome AwaitOutcome(SteadyTime deadline);
  void RunUpkeep();
  void NoteHealth(Kind failure);
  size_t NextBatch() const REQUIRES(mutex_);  // how many of the queue
  bool UpkeepIsDue() const REQUIRES(mutex_);
  bool IsStuck() const REQUIRES(mutex_);
  void NoteProgress();  // the store has answered, or has been asked now
  // Refuses writes that have waited too long.
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
  std::map<std::pair<Uuid, const void*>, SteadyTime>
      blocked_;            // by conversation and kind: end of the block
  bool in_doubt_ = false;  // the outcome of the last transaction is still in progress
  const Upkeep upkeep_;
  const std::chrono::milliseconds stuck_after_;
  std::optional<SteadyTime> upkeep_at_ GUARDED_BY(mutex_);
  std::atomic<bool> healthy_{true};  // the store was available in the last transaction
  std::thread thread_;
};

// The error of a statement or transaction that failed so.
Error ErrorOf(StoreFailure::Kind kind);

}  // namespace parley

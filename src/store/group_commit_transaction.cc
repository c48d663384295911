// GroupCommit: one transaction of a batch, and the outcome of a COMMIT whose answer was lost.
#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "store/queries.h"

namespace parley {
namespace {

// Attempts for a write that conflicts with another node's transaction.
constexpr int kConflictAttempts = 5;
// How long writes wait for the outcome of a commit whose answer was lost.
constexpr auto kSettleFor = std::chrono::seconds(8);
constexpr auto kSettlePause = std::chrono::milliseconds(200);

}  // namespace

void GroupCommit::ApplyAll(std::span<const std::unique_ptr<Write>> writes, Locking locking,
                           Attempt& attempt) {
  const void* first = writes.front()->kind();
  const auto is_like_it = [&](const auto& write) { return write->kind() == first; };
  // Writes of a kind lock what they need by themselves.
  const bool all_together = first != nullptr && std::ranges::all_of(writes, is_like_it);
  if (!all_together) LockConversations(writes, locking, attempt);
  const auto is_busy = [&](const Write& write) {
    return !attempt.busy.empty() && write.conversation() &&
           attempt.busy.contains(*write.conversation());
  };
  for (size_t at = 0; at < writes.size();) {
    NoteProgress();
    const void* kind = writes[at]->kind();
    auto pipeline = kind == nullptr ? nullptr : session_->NewPipeline();
    attempt.first = at;
    if (pipeline == nullptr) {
      attempt.last = at + 1;
      if (!is_busy(*writes[at])) writes[at]->Apply(*session_);
      ++at;
      continue;
    }
    std::vector<Write*> together;
    for (; at < writes.size() && writes[at]->kind() == kind; ++at) {
      if (!is_busy(*writes[at])) together.push_back(writes[at].get());
    }
    attempt.last = at;
    if (together.empty()) continue;
    ConversationLocks locks(all_together ? locking : Locking::kWait);
    attempt.locking = all_together;
    try {
      together.front()->ApplyTogether(*session_, *pipeline, locks, together);
    } catch (const StoreFailure&) {
      attempt.locking = all_together && !locks.have_read();
      throw;
    }
    attempt.locking = false;
    attempt.busy.insert(locks.busy().begin(), locks.busy().end());
  }
}

// On a store with several writers, locks conversations so that reads of a write stay valid until the
// commit.
void GroupCommit::LockConversations(std::span<const std::unique_ptr<Write>> writes, Locking locking,
                                    Attempt& attempt) {
  const auto pipeline = session_->NewPipeline();
  if (pipeline == nullptr) return;
  std::set<Uuid> conversations;
  for (const auto& write : writes) {
    if (const auto conversation = write->conversation()) conversations.insert(*conversation);
  }
  ConversationLocks locks(locking);
  locks.Add(*pipeline, conversations);
  pipeline->Add(queries::kWaitLonger);
  attempt.last = writes.size();
  attempt.locking = true;
  pipeline->Run();
  locks.Read();
  attempt.locking = false;
  attempt.busy = locks.busy();
}

GroupCommit::Attempt GroupCommit::TryCommit(std::span<const std::unique_ptr<Write>> writes,
                                            Locking locking) {
  const auto since = std::chrono::steady_clock::now();
  for (int number = 1;; ++number) {
    Attempt attempt;
    bool committing = false;
    NoteProgress();
    try {
      session_->Begin();
      ApplyAll(writes, locking, attempt);
      const bool all_busy = std::ranges::all_of(writes, [&](const auto& write) {
        return write->conversation() && attempt.busy.contains(*write->conversation());
      });
      if (all_busy) {
        session_->Rollback();
        healthy_ = true;
        return attempt;
      }
      attempt.first = 0;
      attempt.last = writes.size();
      committing = true;
      CommitAndSettle();
    } catch (const StoreFailure& error) {
      session_->Rollback();
      const bool quick = std::chrono::steady_clock::now() - since < kQuickFailure;
      if (error.kind() == Kind::kUnreachable && !committing && quick && number == 1) continue;
      if (error.kind() == Kind::kConflict && writes.size() == 1 && number < kConflictAttempts) {
        continue;
      }
      attempt.failed = error.kind();
      NoteHealth(error.kind());
      const bool is_expected = error.kind() == Kind::kUnknownUser ||
                               (error.kind() == Kind::kConflict && writes.size() > 1);
      if (!is_expected) {
        log::error("commit failed writes={} error={}", writes.size(), error.what());
        const MutexLock lock(mutex_);
        ++stats_.failed_commits;
      }
      return attempt;
    }
    healthy_ = true;
    const MutexLock lock(mutex_);
    ++stats_.commits;
    stats_.committed_writes += writes.size();
    stats_.commit_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
    return attempt;
  }
}

void GroupCommit::CommitAndSettle() {
  using Outcome = SqlSession::Outcome;
  try {
    session_->Commit();
    return;
  } catch (const StoreFailure& failure) {
    if (failure.kind() != Kind::kOutcomeUnknown) throw;
    log::warn("commit outcome unknown, checking error={}", failure.what());
    session_->Rollback();
    const Outcome outcome = AwaitOutcome(std::chrono::steady_clock::now() + kSettleFor);
    if (outcome == Outcome::kCommitted) return;
    if (outcome == Outcome::kRolledBack) throw StoreFailure(failure.what(), Kind::kUnreachable);
    in_doubt_ = outcome == Outcome::kInProgress;
    if (in_doubt_) healthy_ = false;
    throw;
  }
}

// No other transaction runs during this time, so overdue writes are refused. Returns kInProgress at the
// deadline, or when the lane is closed.
SqlSession::Outcome GroupCommit::AwaitOutcome(SteadyTime deadline) {
  using Outcome = SqlSession::Outcome;
  while (true) {
    const Outcome outcome = session_->AskOutcome();
    if (outcome != Outcome::kInProgress) return outcome;
    RefuseOverdue();
    if (std::chrono::steady_clock::now() >= deadline) return outcome;
    const SteadyTime pause_ends = std::chrono::steady_clock::now() + kSettlePause;
    bool closed = false;
    {
      const MutexLock lock(mutex_);
      // A closed lane still asks for its last outcome, until the deadline.
      if (closed_ && deadline == SteadyTime::max()) return outcome;
      while (!closed_ && arrived_.WaitUntil(mutex_, pause_ends)) {
      }
      closed = closed_;
    }
    if (closed) std::this_thread::sleep_for(kSettlePause);
  }
}

}  // namespace parley

#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "store/queries.h"

namespace parley {
namespace {

constexpr size_t kBatchWrites = 512;
// A longer write is a batch of its own.
constexpr size_t kBatchBytes = 4 * 1024 * 1024;
constexpr size_t kQueuedBytes = 64 * 1024 * 1024;
// Between two pieces of upkeep: it takes a small part of the writer's time.
constexpr auto kUpkeepPause = std::chrono::milliseconds(20);
// What is still to be done then is done after the next start, or was worth no more.
constexpr int kPiecesAtClose = 50;
// Of a write that another node's was in the way of.
constexpr int kConflictAttempts = 5;
// After a write was refused for a lock, for others of its conversation and kind.
constexpr auto kBlockedFor = std::chrono::milliseconds(1000);
// Between two tries of what waits for locked conversations.
constexpr auto kHeldPause = std::chrono::milliseconds(50);
// Of one conversation, in a try of several.
constexpr size_t kHeldOfEach = 64;
// A connection that breaks sooner was dead before; what was begun on it is begun again.
constexpr auto kQuickFailure = std::chrono::milliseconds(1000);
// How long writes wait for the outcome of a commit whose answer was lost.
constexpr auto kSettleFor = std::chrono::seconds(8);
constexpr auto kSettlePause = std::chrono::milliseconds(200);
constexpr auto kUpkeepRetry = std::chrono::milliseconds(1000);

Error Unavailable() { return Error::StoreUnavailable(); }

Error OutcomeUnknown() {
  return {.code = ErrorCode::outcome_unknown,
          .detail = "It is not known whether this was stored; send it again with its client_id.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace

Error RefusedValue() {
  return {.code = ErrorCode::bad_request,
          .detail = "The database refuses a value of this request."};
}

GroupCommit::GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued, Upkeep upkeep,
                         std::chrono::milliseconds stuck_after)
    : session_(std::move(session)),
      max_queued_(max_queued),
      upkeep_(std::move(upkeep)),
      stuck_after_(stuck_after),
      thread_([this] { Run(); }) {}

GroupCommit::~GroupCommit() { Close(); }

void GroupCommit::Submit(std::unique_ptr<Write> write) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && queue_.size() + held_count_ < max_queued_ &&
        queued_bytes_ + held_bytes_ < kQueuedBytes && !IsStuck()) {
      write->NoteSubmitted(std::chrono::steady_clock::now());
      queued_bytes_ += write->bytes();
      queue_.push_back(std::move(write));
      if (queue_.size() == 1) arrived_.notify_one();
      return;
    }
    ++stats_.refused_writes;
  }
  Batch refused;
  refused.push_back(std::move(write));
  Deliver(std::move(refused), std::make_shared<const Error>(Unavailable()));
}

void GroupCommit::WantUpkeep(std::chrono::milliseconds within) {
  const auto at = std::chrono::steady_clock::now() + within;
  {
    const std::lock_guard lock(mutex_);
    if (upkeep_at_ && *upkeep_at_ <= at) return;
    upkeep_at_ = at;
  }
  arrived_.notify_one();
}

void GroupCommit::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool GroupCommit::healthy() const {
  const std::lock_guard lock(mutex_);
  return healthy_ &&
         !(busy_since_ && std::chrono::steady_clock::now() - *busy_since_ > stuck_after_);
}

StoreStats GroupCommit::stats() const {
  const std::lock_guard lock(mutex_);
  StoreStats stats = stats_;
  stats.queued_writes = queue_.size() + held_count_;
  return stats;
}

void GroupCommit::Run() {
  int last_pieces = kPiecesAtClose;
  while (true) {
    bool upkeep = false, closed = false;
    Batch batch = TakeBatch(upkeep, closed);
    if (closed && batch.empty() && !upkeep) {
      const std::lock_guard lock(mutex_);
      upkeep = upkeep_at_ && last_pieces-- > 0;
      upkeep_at_.reset();
      if (!upkeep && held_.empty()) return;
    }
    if (!batch.empty()) CommitBatch(std::move(batch), Locking::kWait);
    if (!held_.empty() && (closed || std::chrono::steady_clock::now() >= retry_held_at_))
      RetryHeld();
    // Its success will say that the store is back, without a client.
    if (!healthy_ && !closed) WantUpkeep(kUpkeepRetry);
    if (upkeep && !in_doubt_) RunUpkeep();
    {
      const std::lock_guard lock(mutex_);
      busy_since_.reset();
      oldest_in_hand_.reset();
    }
    RefuseOverdue();
    if (closed && !held_.empty()) Refuse(held_.Take(held_.size(), held_.size()));
    NoteHeld();
    if (in_doubt_) in_doubt_ = AwaitOutcome(SteadyTime::max()) == SqlSession::Outcome::kInProgress;
  }
}

// Waits for something to do.
GroupCommit::Batch GroupCommit::TakeBatch(bool& upkeep, bool& closed) {
  std::unique_lock lock(mutex_);
  const auto is_due = [&] {
    return closed_ || !queue_.empty() || UpkeepIsDue() ||
           (!held_.empty() && std::chrono::steady_clock::now() >= retry_held_at_);
  };
  while (!is_due()) {
    std::optional<SteadyTime> until = upkeep_at_;
    if (!held_.empty()) until = std::min(until.value_or(retry_held_at_), retry_held_at_);
    if (until) {
      arrived_.wait_until(lock, *until);
    } else {
      arrived_.wait(lock);
    }
  }
  upkeep = UpkeepIsDue();
  if (upkeep) upkeep_at_.reset();
  closed = closed_;
  Batch batch;
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(NextBatch());
  batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  for (const auto& write : batch) queued_bytes_ -= write->bytes();
  if (!batch.empty()) oldest_in_hand_ = batch.front()->submitted_at();
  return batch;
}

size_t GroupCommit::NextBatch() const {
  size_t count = 0, bytes = 0;
  while (count < std::min(kBatchWrites, queue_.size())) {
    bytes += queue_[count]->bytes();
    if (count > 0 && bytes > kBatchBytes) break;
    ++count;
  }
  return count;
}

bool GroupCommit::UpkeepIsDue() const {
  return upkeep_at_ && *upkeep_at_ <= std::chrono::steady_clock::now();
}

bool GroupCommit::IsStuck() const {
  std::optional<SteadyTime> oldest = oldest_in_hand_;
  if (!oldest && !queue_.empty()) oldest = queue_.front()->submitted_at();
  return oldest && std::chrono::steady_clock::now() - *oldest > stuck_after_;
}

void GroupCommit::NoteProgress() {
  const std::lock_guard lock(mutex_);
  busy_since_ = std::chrono::steady_clock::now();
}

void GroupCommit::NoteHeld() {
  const std::lock_guard lock(mutex_);
  held_count_ = held_.size();
  held_bytes_ = held_.bytes();
}

void GroupCommit::RefuseOverdue() {
  const SteadyTime oldest = std::chrono::steady_clock::now() - stuck_after_;
  Batch refused = held_.TakeOlderThan(oldest);
  {
    const std::lock_guard lock(mutex_);
    const auto end = std::ranges::find_if(
        queue_, [&](const auto& write) { return write->submitted_at() >= oldest; });
    for (auto write = queue_.begin(); write != end; ++write) {
      queued_bytes_ -= (*write)->bytes();
      refused.push_back(std::move(*write));
    }
    queue_.erase(queue_.begin(), end);
  }
  Refuse(std::move(refused));
}

void GroupCommit::Refuse(Batch batch) {
  if (batch.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    stats_.refused_writes += batch.size();
  }
  Deliver(std::move(batch), std::make_shared<const Error>(Unavailable()));
}

// Locks of others and refused values are no sign of a store that cannot be reached.
void GroupCommit::NoteHealth(Kind failure) {
  healthy_ = failure == Kind::kConflict || failure == Kind::kLocked || failure == Kind::kRefused;
}

void GroupCommit::RunUpkeep() {
  bool more = false, failed = false;
  NoteProgress();
  try {
    session_->Begin();
    more = upkeep_.piece && upkeep_.piece(*session_);
    CommitAndSettle();
    healthy_ = true;
  } catch (const StoreFailure& error) {
    session_->Rollback();
    log::warn("upkeep failed error={}", error.what());
    failed = true;
    NoteHealth(error.kind());
  }
  if (upkeep_.settle) upkeep_.settle(!failed);
  const std::lock_guard lock(mutex_);
  if (failed && closed_) return;
  const auto next = std::chrono::steady_clock::now() + (failed ? kUpkeepRetry : kUpkeepPause);
  if ((more || failed) && (!upkeep_at_ || *upkeep_at_ > next)) upkeep_at_ = next;
}

void GroupCommit::CommitBatch(Batch batch, Locking locking) {
  if (in_doubt_) return Refuse(std::move(batch));
  const SteadyTime oldest = std::chrono::steady_clock::now() - stuck_after_;
  Batch overdue, rest;
  for (std::unique_ptr<Write>& write : batch) {
    (write->submitted_at() < oldest ? overdue : rest).push_back(std::move(write));
  }
  Refuse(std::move(overdue));
  RefuseBlocked(rest);
  HoldBehindHeld(rest);
  if (rest.empty()) return;
  const Attempt attempt = TryCommit(rest, locking);
  if (!attempt.busy.empty()) {
    Batch busy, mine;
    for (std::unique_ptr<Write>& write : rest) {
      const auto conversation = write->conversation();
      (conversation && attempt.busy.contains(*conversation) ? busy : mine)
          .push_back(std::move(write));
    }
    Hold(std::move(busy));
    rest = std::move(mine);
  }
  if (rest.empty()) return;
  if (!attempt.failed) return Deliver(std::move(rest), nullptr);
  if (!attempt.busy.empty()) return CommitBatch(std::move(rest), locking);  // without those
  HandleFailure(std::move(rest), attempt, locking);
}

void GroupCommit::HandleFailure(Batch batch, const Attempt& attempt, Locking locking) {
  const Kind kind = *attempt.failed;
  if (kind == Kind::kOutcomeUnknown) {
    return Deliver(std::move(batch), std::make_shared<const Error>(OutcomeUnknown()));
  }
  if (kind == Kind::kUnreachable) return Refuse(std::move(batch));
  const auto at = [&](size_t index) { return batch.begin() + static_cast<std::ptrdiff_t>(index); };
  if (kind == Kind::kLocked) {
    if (attempt.locking && locking == Locking::kWait) {
      return CommitBatch(std::move(batch), Locking::kSkip);
    }
    const bool one = attempt.last - attempt.first <= 1 && batch[attempt.first]->kind() == nullptr;
    Batch culprits(std::make_move_iterator(at(attempt.first)),
                   std::make_move_iterator(at(attempt.last)));
    batch.erase(at(attempt.first), at(attempt.last));
    if (one && !attempt.locking) {
      Block(*culprits.front());
      Refuse(std::move(culprits));
    } else {
      Hold(std::move(culprits));
    }
  } else if (batch.size() == 1 || (attempt.last - attempt.first == 1 && kind != Kind::kConflict)) {
    Batch culprit;
    const auto bad = batch.size() == 1 ? batch.begin() : at(attempt.first);
    culprit.push_back(std::move(*bad));
    batch.erase(bad);
    Deliver(std::move(culprit),
            std::make_shared<const Error>(kind == Kind::kRefused ? RefusedValue() : Unavailable()));
  } else {
    // One write has spoilt the others' batch: the halves have their own chance.
    const auto middle = at(batch.size() / 2);
    Batch rest(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    CommitBatch(std::move(batch), locking);
    batch = std::move(rest);
  }
  if (!batch.empty()) CommitBatch(std::move(batch), locking);
}

// Those of no conversation cannot wait: they are refused.
void GroupCommit::Hold(Batch batch) {
  Batch refused;
  for (std::unique_ptr<Write>& write : batch) {
    if (write->conversation()) {
      held_.Add(std::move(write));
    } else {
      refused.push_back(std::move(write));
    }
  }
  Refuse(std::move(refused));
  retry_held_at_ = std::chrono::steady_clock::now() + kHeldPause;
  NoteHeld();
}

void GroupCommit::HoldBehindHeld(Batch& batch) {
  if (held_.empty()) return;
  Batch rest;
  for (std::unique_ptr<Write>& write : batch) {
    const std::optional<Uuid> conversation = write->conversation();
    if (conversation && held_.Holds(*conversation)) {
      held_.Add(std::move(write));
    } else {
      rest.push_back(std::move(write));
    }
  }
  batch = std::move(rest);
  NoteHeld();
}

void GroupCommit::RetryHeld() {
  // What stays behind must not be overtaken: it is put back behind those that are still busy.
  Batch batch = held_.Take(kBatchWrites, kHeldOfEach);
  HeldWrites behind = std::exchange(held_, {});
  CommitBatch(std::move(batch), Locking::kSkip);
  const bool any_done = held_.size() == 0;
  for (auto& write : behind.Take(behind.size(), behind.size())) held_.Add(std::move(write));
  retry_held_at_ = std::chrono::steady_clock::now();
  if (!any_done) retry_held_at_ += kHeldPause;
  NoteHeld();
}

void GroupCommit::Block(const Write& write) {
  if (const auto conversation = write.conversation()) {
    blocked_[{*conversation, write.kind()}] = std::chrono::steady_clock::now() + kBlockedFor;
  }
}

void GroupCommit::RefuseBlocked(Batch& batch) {
  if (blocked_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(blocked_, [&](const auto& entry) { return entry.second <= now; });
  Batch refused, rest;
  for (std::unique_ptr<Write>& write : batch) {
    const std::optional<Uuid> conversation = write->conversation();
    const bool blocked = conversation && blocked_.contains({*conversation, write->kind()});
    (blocked ? refused : rest).push_back(std::move(write));
  }
  batch = std::move(rest);
  Refuse(std::move(refused));
}

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

// Where others write to the store too: what a write reads of its conversation stays so until the
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
      if (error.kind() != Kind::kConflict || writes.size() == 1) {
        log::error("commit failed writes={} error={}", writes.size(), error.what());
      }
      return attempt;
    }
    healthy_ = true;
    const std::lock_guard lock(mutex_);
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
    log::warn("commit's answer was lost, asking what became of it error={}", failure.what());
    session_->Rollback();
    const Outcome outcome = AwaitOutcome(std::chrono::steady_clock::now() + kSettleFor);
    if (outcome == Outcome::kCommitted) return;
    if (outcome == Outcome::kRolledBack) throw StoreFailure(failure.what(), Kind::kUnreachable);
    in_doubt_ = outcome == Outcome::kInProgress;
    if (in_doubt_) healthy_ = false;
    throw;
  }
}

// Nothing else is tried meanwhile, so who waits too long is refused. kInProgress: until the deadline, or
// the lane is closed.
SqlSession::Outcome GroupCommit::AwaitOutcome(SteadyTime deadline) {
  using Outcome = SqlSession::Outcome;
  while (true) {
    const Outcome outcome = session_->AskOutcome();
    if (outcome != Outcome::kInProgress) return outcome;
    RefuseOverdue();
    if (std::chrono::steady_clock::now() >= deadline) return outcome;
    std::unique_lock lock(mutex_);
    // A lane that is closed still asks for its last writes, but for no longer than that.
    if (closed_ && deadline == SteadyTime::max()) return outcome;
    arrived_.wait_for(lock, kSettlePause, [&] { return closed_; });
    if (closed_) {
      lock.unlock();
      std::this_thread::sleep_for(kSettlePause);
    }
  }
}

// One post for each executor, in commit order.
void GroupCommit::Deliver(Batch batch, std::shared_ptr<const Error> failure) {
  while (!batch.empty()) {
    Executor& on = batch.front()->on();
    Batch mine, others;
    for (std::unique_ptr<Write>& write : batch) {
      (&write->on() == &on ? mine : others).push_back(std::move(write));
    }
    on.Post([mine = std::move(mine), failure] {
      for (const auto& write : mine) write->Answer(failure.get());
    });
    batch = std::move(others);
  }
}

}  // namespace parley

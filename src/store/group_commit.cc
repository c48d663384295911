// GroupCommit: the queue, its thread, and upkeep.
#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/thread_name.h"

namespace parley {
namespace {

// A write larger than this is a batch of its own.
constexpr size_t kBatchBytes = 4 * 1024 * 1024;
constexpr size_t kQueuedBytes = 64 * 1024 * 1024;
// Upkeep that is not done by then continues after the next start.
constexpr int kPiecesAtClose = 50;
constexpr auto kUpkeepRetry = std::chrono::milliseconds(1000);

}  // namespace

Error ErrorOf(StoreFailure::Kind kind) {
  switch (kind) {
    case StoreFailure::Kind::kRefused:
      return {.code = ErrorCode::bad_request,
              .detail = "The database rejected a value of this request."};
    case StoreFailure::Kind::kUnknownUser:
      return Error::UnknownUser();
    default:
      return Error::StoreUnavailable();
  }
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
    const MutexLock lock(mutex_);
    if (!closed_ && queue_.size() + held_count_ < max_queued_ &&
        queued_bytes_ + held_bytes_ < kQueuedBytes && !IsStuck()) {
      write->NoteSubmitted(std::chrono::steady_clock::now());
      queued_bytes_ += write->bytes();
      queue_.push_back(std::move(write));
      if (queue_.size() == 1) arrived_.NotifyOne();
      return;
    }
    ++stats_.refused_writes;
  }
  Batch refused;
  refused.push_back(std::move(write));
  Deliver(std::move(refused), std::make_shared<const Error>(Error::StoreUnavailable()));
}

void GroupCommit::WantUpkeep(std::chrono::milliseconds within) {
  const auto at = std::chrono::steady_clock::now() + within;
  {
    const MutexLock lock(mutex_);
    if (upkeep_at_ && *upkeep_at_ <= at) return;
    upkeep_at_ = at;
  }
  arrived_.NotifyOne();
}

void GroupCommit::Close() {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  arrived_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

bool GroupCommit::healthy() const {
  const MutexLock lock(mutex_);
  return healthy_ && !IsStuck() &&
         !(busy_since_ && std::chrono::steady_clock::now() - *busy_since_ > stuck_after_);
}

StoreStats GroupCommit::stats() const {
  const MutexLock lock(mutex_);
  StoreStats stats = stats_;
  stats.queued_writes = queue_.size() + held_count_;
  return stats;
}

void GroupCommit::Run() {
  NameThread("writer");
  int last_pieces = kPiecesAtClose;
  while (true) {
    bool upkeep = false, closed = false;
    Batch batch = TakeBatch(upkeep, closed);
    if (closed && batch.empty() && !upkeep) {
      const MutexLock lock(mutex_);
      upkeep = upkeep_at_ && last_pieces-- > 0;
      upkeep_at_.reset();
      if (!upkeep && held_.empty()) return;
    }
    if (!batch.empty()) CommitBatch(std::move(batch), Locking::kWait);
    {
      const MutexLock lock(mutex_);
      oldest_in_hand_.reset();  // answered or held, whatever comes next
    }
    if (!held_.empty() && (closed || std::chrono::steady_clock::now() >= retry_held_at_))
      RetryHeld();
    // A successful upkeep shows that the store is available again, without a client's write.
    if (!healthy_ && !closed) WantUpkeep(kUpkeepRetry);
    if (upkeep && !in_doubt_) RunUpkeep();
    {
      const MutexLock lock(mutex_);
      busy_since_.reset();
    }
    RefuseOverdue();
    if (closed && !held_.empty()) Refuse(held_.Take(held_.size(), held_.size()));
    NoteHeld();
    if (in_doubt_) in_doubt_ = AwaitOutcome(SteadyTime::max()) == SqlSession::Outcome::kInProgress;
  }
}

// Waits for something to do.
GroupCommit::Batch GroupCommit::TakeBatch(bool& upkeep, bool& closed) {
  const MutexLock lock(mutex_);
  while (!closed_ && queue_.empty() && !UpkeepIsDue() &&
         (held_.empty() || std::chrono::steady_clock::now() < retry_held_at_)) {
    std::optional<SteadyTime> until = upkeep_at_;
    if (!held_.empty()) until = std::min(until.value_or(retry_held_at_), retry_held_at_);
    if (until) {
      arrived_.WaitUntil(mutex_, *until);
    } else {
      arrived_.Wait(mutex_);
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
  const MutexLock lock(mutex_);
  busy_since_ = std::chrono::steady_clock::now();
}

void GroupCommit::NoteHeld() {
  const MutexLock lock(mutex_);
  held_count_ = held_.size();
  held_bytes_ = held_.bytes();
}

void GroupCommit::RefuseOverdue() {
  const SteadyTime oldest = std::chrono::steady_clock::now() - stuck_after_;
  Batch refused = held_.TakeOlderThan(oldest);
  {
    const MutexLock lock(mutex_);
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
    const MutexLock lock(mutex_);
    stats_.refused_writes += batch.size();
  }
  Deliver(std::move(batch), std::make_shared<const Error>(Error::StoreUnavailable()));
}

// Locks and rejected values do not mean that the store is unavailable.
void GroupCommit::NoteHealth(Kind failure) {
  healthy_ = failure == Kind::kConflict || failure == Kind::kLocked || failure == Kind::kRefused ||
             failure == Kind::kUnknownUser;
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
    log::warn("store maintenance failed error={}", error.what());
    failed = true;
    NoteHealth(error.kind());
  }
  if (upkeep_.settle) upkeep_.settle(!failed);
  const MutexLock lock(mutex_);
  if (failed && closed_) return;
  const auto next = std::chrono::steady_clock::now() + (failed ? kUpkeepRetry : upkeep_.pause);
  if ((more || failed) && (!upkeep_at_ || *upkeep_at_ > next)) upkeep_at_ = next;
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

#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace parley {
namespace {

constexpr size_t kBatchWrites = 512;
constexpr size_t kQueuedBytes = 64 * 1024 * 1024;
// Between two pieces of upkeep: it takes a small part of the writer's time.
constexpr auto kUpkeepPause = std::chrono::milliseconds(20);
// What is still to be done then is done after the next start, or was worth no more.
constexpr int kPiecesAtClose = 50;
// Of a write that another node's was in the way of.
constexpr int kConflictAttempts = 5;
constexpr auto kUpkeepRetry = std::chrono::milliseconds(1000);

Error Unavailable() { return Error::StoreUnavailable(); }

Error OutcomeUnknown() {
  return {.code = ErrorCode::outcome_unknown,
          .detail = "It is not known whether this was stored; send it again with its client_id.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace

GroupCommit::GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued, Upkeep upkeep)
    : session_(std::move(session)),
      max_queued_(max_queued),
      upkeep_(std::move(upkeep)),
      thread_([this] { Run(); }) {}

GroupCommit::~GroupCommit() { Close(); }

void GroupCommit::Submit(std::unique_ptr<Write> write) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && queue_.size() < max_queued_ && queued_bytes_ < kQueuedBytes) {
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

StoreStats GroupCommit::stats() const {
  const std::lock_guard lock(mutex_);
  StoreStats stats = stats_;
  stats.queued_writes = queue_.size();
  return stats;
}

void GroupCommit::Run() {
  int last_pieces = kPiecesAtClose;
  while (true) {
    Batch batch;
    bool upkeep = false;
    {
      std::unique_lock lock(mutex_);
      while (!closed_ && queue_.empty() && !UpkeepIsDue()) {
        if (upkeep_at_) {
          arrived_.wait_until(lock, *upkeep_at_);
        } else {
          arrived_.wait(lock);
        }
      }
      upkeep = UpkeepIsDue() || (closed_ && queue_.empty() && upkeep_at_ && last_pieces-- > 0);
      if (upkeep) upkeep_at_.reset();
      if (queue_.empty() && !upkeep) return;
      if (queue_.size() <= kBatchWrites) {
        batch.swap(queue_);
        queued_bytes_ = 0;
      } else {
        const auto end = queue_.begin() + kBatchWrites;
        batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
        queue_.erase(queue_.begin(), end);
        for (const auto& write : batch) queued_bytes_ -= write->bytes();
      }
    }
    if (!batch.empty()) CommitBatch(batch);
    // Its success will say that the store is back, without a client.
    if (!healthy_) WantUpkeep(kUpkeepRetry);
    if (upkeep) RunUpkeep();
  }
}

bool GroupCommit::UpkeepIsDue() const {
  return upkeep_at_ && *upkeep_at_ <= std::chrono::steady_clock::now();
}

void GroupCommit::RunUpkeep() {
  bool more = false, failed = false;
  try {
    session_->Begin();
    more = upkeep_ && upkeep_(*session_);
    session_->Commit();
    healthy_ = true;
  } catch (const StoreFailure& error) {
    session_->Rollback();
    log::warn("upkeep failed error={}", error.what());
    failed = true;
    healthy_ = false;
  }
  const std::lock_guard lock(mutex_);
  if (failed && closed_) return;
  const auto next = std::chrono::steady_clock::now() + (failed ? kUpkeepRetry : kUpkeepPause);
  if ((more || failed) && (!upkeep_at_ || *upkeep_at_ > next)) upkeep_at_ = next;
}

void GroupCommit::CommitBatch(Batch& batch) {
  Error failure;
  if (TryCommit(batch, failure)) return Deliver(std::move(batch), nullptr);
  if (failure.code == ErrorCode::outcome_unknown || batch.size() == 1) {
    return Deliver(std::move(batch), std::make_shared<const Error>(failure));
  }
  // One write may have spoilt the others' batch: each gets its own chance.
  for (std::unique_ptr<Write>& write : batch) {
    Batch alone;
    alone.push_back(std::move(write));
    const bool committed = TryCommit(alone, failure);
    Deliver(std::move(alone), committed ? nullptr : std::make_shared<const Error>(failure));
  }
}

bool GroupCommit::TryCommit(std::span<const std::unique_ptr<Write>> writes, Error& failure) {
  const auto since = std::chrono::steady_clock::now();
  for (int attempt = 1;; ++attempt) {
    try {
      session_->Begin();
      for (const auto& write : writes) write->Apply(*session_);
      session_->Commit();
      break;
    } catch (const StoreFailure& error) {
      session_->Rollback();
      const bool conflict = error.kind() == StoreFailure::Kind::kConflict;
      if (conflict && writes.size() == 1 && attempt < kConflictAttempts) continue;
      const bool unknown = error.kind() == StoreFailure::Kind::kOutcomeUnknown;
      failure = unknown ? OutcomeUnknown() : Unavailable();
      if (conflict && writes.size() > 1) return false;  // each is tried alone
      log::error("commit failed writes={} error={}", writes.size(), error.what());
      healthy_ = false;
      return false;
    }
  }
  healthy_ = true;
  const std::lock_guard lock(mutex_);
  ++stats_.commits;
  stats_.committed_writes += writes.size();
  stats_.commit_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  return true;
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

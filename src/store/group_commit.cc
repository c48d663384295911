#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace parley {
namespace {

constexpr size_t kBatchWrites = 512;
constexpr size_t kQueuedBytes = 64 * 1024 * 1024;

Error Unavailable() { return Error::StoreUnavailable(); }

Error OutcomeUnknown() {
  return {.code = ErrorCode::outcome_unknown,
          .detail = "It is not known whether this was stored; send it again with its client_id.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace

GroupCommit::GroupCommit(std::unique_ptr<SqlSession> session, size_t max_queued)
    : session_(std::move(session)), max_queued_(max_queued), thread_([this] { Run(); }) {}

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
  while (true) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
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
    CommitBatch(batch);
  }
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
  try {
    session_->Begin();
    for (const auto& write : writes) write->Apply(*session_);
    session_->Commit();
  } catch (const StoreFailure& error) {
    session_->Rollback();
    log::error("commit failed writes={} error={}", writes.size(), error.what());
    failure = error.outcome_unknown() ? OutcomeUnknown() : Unavailable();
    healthy_ = false;
    return false;
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

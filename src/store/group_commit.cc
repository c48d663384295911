#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
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
// Of one whose conversation is locked; each waits for as long as the session waits for a lock.
constexpr int kLockedAttempts = 2;
constexpr auto kBlockedFor = std::chrono::milliseconds(1000);
constexpr auto kUpkeepRetry = std::chrono::milliseconds(1000);

Error Unavailable() { return Error::StoreUnavailable(); }

Error OutcomeUnknown() {
  return {.code = ErrorCode::outcome_unknown,
          .detail = "It is not known whether this was stored; send it again with its client_id.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace

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
    if (!closed_ && queue_.size() < max_queued_ && queued_bytes_ < kQueuedBytes && !IsStuck()) {
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
  return healthy_ && !IsStuck();
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
    bool upkeep = false, closed = false;
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
      closed = closed_;
      const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(NextBatch());
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
      for (const auto& write : batch) queued_bytes_ -= write->bytes();
    }
    if (!batch.empty()) CommitBatch(std::move(batch));
    // Its success will say that the store is back, without a client.
    if (!healthy_ && !closed) WantUpkeep(kUpkeepRetry);
    if (upkeep) RunUpkeep();
    RefuseQueued();
  }
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
  return busy_since_ && std::chrono::steady_clock::now() - *busy_since_ > stuck_after_;
}

void GroupCommit::NoteProgress() {
  const std::lock_guard lock(mutex_);
  busy_since_ = std::chrono::steady_clock::now();
}

void GroupCommit::RefuseQueued() {
  Batch refused;
  {
    const std::lock_guard lock(mutex_);
    if (IsStuck() && !healthy_) {
      refused.swap(queue_);
      queued_bytes_ = 0;
      stats_.refused_writes += refused.size();
    }
    busy_since_.reset();
  }
  if (!refused.empty()) Deliver(std::move(refused), std::make_shared<const Error>(Unavailable()));
}

void GroupCommit::RunUpkeep() {
  bool more = false, failed = false;
  NoteProgress();
  try {
    session_->Begin();
    more = upkeep_.piece && upkeep_.piece(*session_);
    session_->Commit();
    healthy_ = true;
  } catch (const StoreFailure& error) {
    session_->Rollback();
    log::warn("upkeep failed error={}", error.what());
    failed = true;
    healthy_ = false;
  }
  if (upkeep_.settle) upkeep_.settle(!failed);
  const std::lock_guard lock(mutex_);
  if (failed && closed_) return;
  const auto next = std::chrono::steady_clock::now() + (failed ? kUpkeepRetry : kUpkeepPause);
  if ((more || failed) && (!upkeep_at_ || *upkeep_at_ > next)) upkeep_at_ = next;
}

void GroupCommit::CommitBatch(Batch batch) {
  RefuseBlocked(batch);
  if (batch.empty()) return;
  using Kind = StoreFailure::Kind;
  const std::optional<Kind> failed = TryCommit(batch);
  if (!failed) return Deliver(std::move(batch), nullptr);
  if (*failed == Kind::kOutcomeUnknown) {
    return Deliver(std::move(batch), std::make_shared<const Error>(OutcomeUnknown()));
  }
  if (batch.size() == 1 || *failed == Kind::kUnreachable) {
    if (*failed == Kind::kLocked && batch.front()->conversation()) {
      blocked_[*batch.front()->conversation()] = std::chrono::steady_clock::now() + kBlockedFor;
    }
    return Deliver(std::move(batch), std::make_shared<const Error>(Unavailable()));
  }
  // One write may have spoilt the others' batch, or wait for a lock: the halves have their own chance.
  const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
  Batch rest(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
  batch.erase(middle, batch.end());
  CommitBatch(std::move(batch));
  CommitBatch(std::move(rest));
}

void GroupCommit::RefuseBlocked(Batch& batch) {
  if (blocked_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(blocked_, [&](const auto& entry) { return entry.second <= now; });
  Batch refused, rest;
  for (std::unique_ptr<Write>& write : batch) {
    const std::optional<Uuid> conversation = write->conversation();
    const bool blocked = conversation && blocked_.contains(*conversation);
    (blocked ? refused : rest).push_back(std::move(write));
  }
  batch = std::move(rest);
  if (!refused.empty()) Deliver(std::move(refused), std::make_shared<const Error>(Unavailable()));
}

void GroupCommit::ApplyAll(std::span<const std::unique_ptr<Write>> writes) {
  const void* first = writes.front()->kind();
  const auto is_like_it = [&](const auto& write) { return write->kind() == first; };
  // Writes of a kind lock what they need by themselves.
  if (first == nullptr || !std::ranges::all_of(writes, is_like_it)) LockConversations(writes);
  for (size_t at = 0; at < writes.size();) {
    const void* kind = writes[at]->kind();
    auto pipeline = kind == nullptr ? nullptr : session_->NewPipeline();
    if (pipeline == nullptr) {
      writes[at++]->Apply(*session_);
      continue;
    }
    std::vector<Write*> together;
    for (; at < writes.size() && writes[at]->kind() == kind; ++at) {
      together.push_back(writes[at].get());
    }
    together.front()->ApplyTogether(*session_, *pipeline, together);
  }
}

// Where others write to the store too: what a write reads of its conversation stays so until the
// commit, and everybody locks in the order of the ids, so that no two batches wait for each other.
void GroupCommit::LockConversations(std::span<const std::unique_ptr<Write>> writes) {
  const auto pipeline = session_->NewPipeline();
  if (pipeline == nullptr) return;
  std::set<Uuid> conversations;
  for (const auto& write : writes) {
    if (const auto conversation = write->conversation()) conversations.insert(*conversation);
  }
  for (const Uuid& id : conversations) pipeline->Add(queries::kLockConversation).Bind(1, id);
  pipeline->Run();
}

// nullopt: it is committed.
std::optional<StoreFailure::Kind> GroupCommit::TryCommit(
    std::span<const std::unique_ptr<Write>> writes) {
  using Kind = StoreFailure::Kind;
  const auto since = std::chrono::steady_clock::now();
  for (int attempt = 1;; ++attempt) {
    NoteProgress();
    try {
      session_->Begin();
      ApplyAll(writes);
      session_->Commit();
      break;
    } catch (const StoreFailure& error) {
      session_->Rollback();
      const bool in_the_way = error.kind() == Kind::kConflict || error.kind() == Kind::kLocked;
      if (in_the_way && writes.size() > 1) return error.kind();
      if (error.kind() == Kind::kConflict && attempt < kConflictAttempts) continue;
      if (error.kind() == Kind::kLocked && attempt < kLockedAttempts) continue;
      log::error("commit failed writes={} error={}", writes.size(), error.what());
      if (!in_the_way) healthy_ = false;
      return error.kind();
    }
  }
  healthy_ = true;
  const std::lock_guard lock(mutex_);
  ++stats_.commits;
  stats_.committed_writes += writes.size();
  stats_.commit_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  return std::nullopt;
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

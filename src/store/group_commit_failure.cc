// GroupCommit: batches that fail or meet locked conversations: which writes are refused, retried, or held
// until another client releases its lock.
#include "store/group_commit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace parley {
namespace {

// How long writes of a conversation and kind are refused after one met a lock.
constexpr auto kBlockedFor = std::chrono::milliseconds(1000);
// The pause between attempts of writes held for locked conversations.
constexpr auto kHeldPause = std::chrono::milliseconds(50);
// The maximum number of held writes of one conversation in an attempt with several conversations.
constexpr size_t kHeldOfEach = 64;

Error OutcomeUnknown() {
  return {.code = ErrorCode::outcome_unknown,
          .detail = "The outcome of the write is unknown; retry with the same client_id.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace

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
    Deliver(std::move(culprit), std::make_shared<const Error>(ErrorOf(kind)));
  } else {
    // One write has failed the whole batch: retry it in halves.
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

}  // namespace parley

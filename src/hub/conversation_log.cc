#include "hub/conversation_log.h"

#include <algorithm>
#include <utility>

#include "protocol/events.h"

namespace parley {
namespace {

constexpr size_t kEarlyEvents = 1024;             // per conversation
constexpr size_t kEarlyBytes = 16 * 1024 * 1024;  // per shard
// After this many futile reads, received events that the store does not have are discarded: other
// nodes can publish events that are not in the store.
constexpr int kFutileReads = 3;
// How far below the head a verification begins to read, and the maximum size of that read.
constexpr int64_t kRewindReach = static_cast<int64_t>(kPageEvents);
constexpr size_t kRewindBytes = 1024 * 1024;

}  // namespace

// --- the head

void ConversationLog::Start(const StoreHead& head) {
  known_ = true;
  head_ = stored_ = head.seq;
  epoch_ = head.epoch;
  Stamp(head);
}

void ConversationLog::Stamp(const StoreHead& head) {
  stamp_ = head.stamp;
  stamp_seq_ = head.seq;
}

void ConversationLog::Forget() {
  ClearTail();
  LogStep ignored;
  ClearEarly(ignored);
  known_ = verifying_ = rewind_certain_ = false;
  head_ = store_head_ = stored_ = 0;
  stamp_ = 0;
}

// --- events

void ConversationLog::Ingest(EventRef event, LogStep& step) {
  if (verifying_) {
    AddEarly(std::move(event), step);
    step.fetch = std::max(step.fetch, LogStep::Fetch::kUnlessPlanned);
    return;
  }
  if (event->seq <= head_) {
    // A read from the store has already broadcast the event, but does not name the removed user.
    if (event->removal == Removal::kOneUser) step.unsure_removals.push_back(RemovedUser(*event));
    return;
  }
  if (event->seq > head_ + 1) {
    AddEarly(std::move(event), step);
    step.fetch = LogStep::Fetch::kNow;
    return;
  }
  Append(std::move(event), step);
  AppendReady(step);
}

void ConversationLog::Append(EventRef event, LogStep& step) {
  head_ = event->seq;
  const size_t before = tail_.bytes();
  tail_.Push(event);
  memory_.tails += tail_.bytes() - before;
  step.broadcast.push_back(std::move(event));
}

// Appends the early events that follow the head.
void ConversationLog::AppendReady(LogStep& step) {
  DropEarlyUpTo(head_, step);
  while (!early_.empty() && early_.begin()->first == head_ + 1) {
    Append(PopEarly(early_.begin()), step);
  }
}

void ConversationLog::AddEarly(EventRef event, LogStep& step) {
  const int64_t seq = event->seq;
  const size_t cost = CostOf(*event);
  if (!early_.emplace(seq, std::move(event)).second) return;
  memory_.early += cost;
  while (early_.size() > kEarlyEvents || (memory_.early > kEarlyBytes && !early_.empty())) {
    store_head_ = std::max(store_head_, early_.rbegin()->first);
    DropEarly(std::prev(early_.end()), step);
  }
}

void ConversationLog::TakeEarly(bool trusted, LogStep& step) {
  if (verifying_ || early_.empty()) return;
  if (!trusted) {
    const int64_t last = early_.rbegin()->first;
    ClearEarly(step);
    return OnStoreHead(last, step);
  }
  DropEarlyUpTo(head_, step);
  if (!early_.empty()) Ingest(PopEarly(early_.begin()), step);
}

EventRef ConversationLog::PopEarly(Early::iterator at) {
  EventRef event = std::move(at->second);
  memory_.early -= CostOf(*event);
  early_.erase(at);
  return event;
}

void ConversationLog::DropEarly(Early::iterator at, LogStep& step) {
  const EventRef event = PopEarly(at);
  if (event->removal == Removal::kOneUser) step.unsure_removals.push_back(RemovedUser(*event));
}

void ConversationLog::DropEarlyUpTo(int64_t seq, LogStep& step) {
  while (!early_.empty() && early_.begin()->first <= seq) DropEarly(early_.begin(), step);
}

void ConversationLog::DropEarlyUnlike(const Event& stored) {
  const auto found = early_.find(stored.seq);
  if (found == early_.end() || SameChange(*found->second, stored)) return;
  // Keeps the live event if it names a removed user: the stored event does not.
  if (found->second->removal == Removal::kNone) PopEarly(found);
}

void ConversationLog::ClearEarly(LogStep& step) {
  while (!early_.empty()) DropEarly(early_.begin(), step);
}

// --- the store

void ConversationLog::OnStoreHead(int64_t seq, LogStep& step) {
  store_head_ = std::max(store_head_, seq);
  if (!known_ || store_head_ <= head_) return;
  step.found_in_store = true;
  step.fetch = LogStep::Fetch::kNow;
}

void ConversationLog::OnHeadRead(const Context& context, const StoreHead& head, LogStep& step) {
  const bool same_transaction = known_ && head.stamp != 0 && head.seq == head_ &&
                                stamp_seq_ == head.seq && stamp_ == head.stamp;
  // A fail-over that lost no event of this conversation.
  if (same_transaction && head.epoch != epoch_ && !verifying_) {
    stored_ = head.seq;
    AdoptEpoch(head.epoch, step);
  }
  if (Contradicts(context, head.epoch, head.seq)) return Verify(head.seq, head.epoch, step);
  if (head.seq == head_) Stamp(head);
  OnStoreHead(head.seq, step);
}

ConversationLog::Read ConversationLog::NextRead() const {
  if (!verifying_) return {.since = head_, .context = context()};
  return {.since = std::max<int64_t>(0, std::min(head_, verify_from_) - kRewindReach),
          .max_bytes = kRewindBytes,
          .verifies = true,
          .context = context()};
}

void ConversationLog::OnRead(const Read& read, const ChangesSince& changes, LogStep& step) {
  if (verifying_ && !read.verifies) {
    step.fetch = LogStep::Fetch::kNow;
  } else if (!verifying_ && Contradicts(read.context, changes.epoch, changes.head)) {
    Verify(changes.head, changes.epoch, step);
  } else {
    const PageRef page = PageFrom(conversation_, read.since, head_, changes, SIZE_MAX);
    if (verifying_) return OnVerified(read, *page, changes, step);
    OnGapRead(read.since, *page, step);
  }
}

void ConversationLog::OnGapRead(int64_t since, const Page& page, LogStep& step) {
  for (EventRef event : page.events) {
    const int64_t seq = event->seq;
    if (seq <= head_) continue;
    DropEarlyUnlike(*event);
    DropEarlyUpTo(seq - 1, step);  // the store no longer has them
    if (event->kind == EventKind::kConversationUpdated) step.conversation_updated_at = seq;
    if (!early_.empty() && early_.begin()->first == seq) event = PopEarly(early_.begin());
    if (event->about_seq != seq) ForgetMessage(event->about_seq);
    Append(std::move(event), step);
  }
  if (!page.reset) head_ = std::max(head_, page.through);
  AppendReady(step);
  if (head_ > since) futile_reads_ = 0;
  if (!behind()) return;
  if (++futile_reads_ <= kFutileReads) {
    step.fetch = LogStep::Fetch::kNow;
    return;
  }
  ClearEarly(step);
  store_head_ = head_;
  futile_reads_ = 0;
  step.not_in_store = true;
}

// --- a store that moved back

bool ConversationLog::Contradicts(const Context& context, uint64_t epoch, int64_t seq) {
  if (!known_) return false;
  if (epoch != epoch_) return true;
  if (context.rewinds != rewinds_) return false;
  if (seq < context.head) return true;
  stored_ = std::max(stored_, seq);
  return false;
}

void ConversationLog::CheckCommit(const Context& context, uint64_t epoch, int64_t seq, bool is_new,
                                  LogStep& step) {
  // A duplicate can have any seq.
  if (Contradicts(context, epoch, is_new ? seq - 1 : context.head)) {
    Verify(std::min(seq - 1, head_), epoch, step);
  }
}

void ConversationLog::Verify(int64_t seq, uint64_t epoch, LogStep& step) {
  verify_from_ = verifying_ ? std::min(verify_from_, seq) : seq;
  rewind_certain_ |= epoch == epoch_;
  verifying_ = true;
  step.fetch = LogStep::Fetch::kNow;
}

void ConversationLog::OnVerified(const Read& read, const Page& page, const ChangesSince& changes,
                                 LogStep& step) {
  if (changes.head < read.since) {  // the store has moved back further than the result showed
    verify_from_ = changes.head;
    step.fetch = LogStep::Fetch::kNow;
    return;
  }
  int64_t same = read.since;
  for (const EventRef& event : page.events) {
    if (event->seq <= head_ && tail_.Holds(*event)) same = event->seq;
  }
  const bool lost = rewind_certain_ || changes.epoch != epoch_ || changes.head < head_;
  stored_ = store_head_ = changes.head;
  verifying_ = rewind_certain_ = false;
  // Early events may belong to the lost history: read from the store instead.
  if (!early_.empty()) {
    store_head_ = std::max(store_head_, early_.rbegin()->first);
    ClearEarly(step);
  }
  if (lost && same < head_) {
    step.rewound_from = head_;
    head_ = same;
    stamp_ = 0;
    ClearTail();
    AdoptEpoch(changes.epoch, step);
    return OnGapRead(same, page, step);
  }
  if (lost) AdoptEpoch(changes.epoch, step);
  OnStoreHead(changes.head, step);
}

void ConversationLog::AdoptEpoch(uint64_t epoch, LogStep& step) {
  epoch_ = epoch;
  ++rewinds_;
  step.broadcast.push_back(RewindEvent(conversation_, head_));
  step.new_epoch = true;
}

// --- the tail

void ConversationLog::ClearTail() {
  memory_.tails -= tail_.bytes();
  tail_.Clear();
}

void ConversationLog::ForgetMessage(int64_t about_seq) {
  const size_t before = tail_.bytes();
  tail_.Forget(about_seq);
  memory_.tails -= before - tail_.bytes();
}

}  // namespace parley

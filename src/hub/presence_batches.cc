#include "hub/presence_batches.h"

#include <utility>

#include "protocol/events.h"

namespace parley {
namespace {

// Only events that PresenceEvent makes again in the same way can wait as a Change.
bool CanWait(const Event& event) {
  return event.origin == Origin::kThisNode && !event.except_user.empty();
}

}  // namespace

void PresenceBatches::Deliver(const EventRef& event) {
  const bool others_wait = by_conversation_.contains(event->conversation);
  if (CanWait(*event) && (others_wait || prompt_writes_ >= kPromptWrites)) return Add(*event);
  if (others_wait) FlushWaiting(event->conversation);
  prompt_writes_ += Send(event->conversation, {&event, 1});
}

void PresenceBatches::Add(const Event& event) {
  if (!table_.HasTopic(event.conversation)) return;
  const auto [found, added] = by_conversation_.try_emplace(event.conversation);
  if (added) {
    found->second =
        batches_.insert(batches_.end(), {.conversation = event.conversation, .tick = tick_});
  }
  Batch& batch = *found->second;
  batch.changes.push_back({event.except_user, event.kind == EventKind::kUserOnline});
  const size_t bytes = sizeof(Change) + event.except_user.size();
  batch.bytes += bytes;
  CountBytes(bytes_ + bytes);
  while (bytes_ > kMaxBytes) FlushOldest();
}

void PresenceBatches::Skip(Feed& feed) const {
  const auto found = by_conversation_.find(feed.conversation());
  feed.presence_from =
      found == by_conversation_.end() ? 0 : static_cast<uint32_t>(found->second->changes.size());
}

void PresenceBatches::FlushWaiting(const Uuid& conversation) {
  const auto found = by_conversation_.find(conversation);
  if (found != by_conversation_.end()) Flush(found->second);
}

size_t PresenceBatches::Flush(Batches::iterator batch) {
  std::vector<EventRef> events;
  events.reserve(batch->changes.size());
  for (const Change& change : batch->changes) {
    events.push_back(PresenceEvent(batch->conversation, change.user, change.online));
  }
  const Uuid conversation = batch->conversation;
  CountBytes(bytes_ - batch->bytes);
  by_conversation_.erase(conversation);
  batches_.erase(batch);
  return Send(conversation, events);
}

size_t PresenceBatches::Send(const Uuid& conversation, std::span<const EventRef> events) {
  size_t writes = 0;
  table_.ForEach(conversation, [&](Feed& feed) { writes += feed.OnPresence(events) ? 1 : 0; });
  return writes;
}

void PresenceBatches::OnTick() {
  ++tick_;
  size_t writes = std::exchange(prompt_writes_, 0);
  while (!batches_.empty() &&
         (writes < kWritesPerTick || batches_.front().tick + kMaxTicks <= tick_)) {
    writes += FlushOldest();
  }
}

void PresenceBatches::CountBytes(size_t bytes) {
  counters_.presence_bytes.Add(static_cast<int64_t>(bytes) - static_cast<int64_t>(bytes_));
  bytes_ = bytes;
}

}  // namespace parley

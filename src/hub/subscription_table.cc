#include "hub/subscription_table.h"

namespace parley {

bool SubscriptionTable::Add(Feed& feed) {
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(feeds_.size());
    feeds_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  feeds_[slot].feed = &feed;
  feed.id_ = {slot, feeds_[slot].generation};

  std::unique_ptr<Topic>& topic = topics_[feed.conversation()];
  const bool first = topic == nullptr;
  if (first) topic = std::make_unique<Topic>(feed.conversation());
  feed.topic_ = topic.get();
  feed.index_in_topic_ = static_cast<uint32_t>(topic->feeds_.size());
  topic->feeds_.push_back(&feed);
  return first;
}

bool SubscriptionTable::Remove(Feed& feed) {
  Topic& topic = *feed.topic_;
  Feed* last = topic.feeds_.back();
  topic.feeds_[feed.index_in_topic_] = last;
  last->index_in_topic_ = feed.index_in_topic_;
  topic.feeds_.pop_back();

  Slot& slot = feeds_[feed.id_.slot];
  slot.feed = nullptr;
  ++slot.generation;
  free_.push_back(feed.id_.slot);
  feed.topic_ = nullptr;

  if (!topic.feeds_.empty()) return false;
  topics_.erase(Uuid(topic.conversation_));
  return true;
}

Feed* SubscriptionTable::Find(FeedId id) {
  if (id.slot >= feeds_.size() || feeds_[id.slot].generation != id.generation) return nullptr;
  return feeds_[id.slot].feed;
}

void SubscriptionTable::Deliver(std::span<const EventRef> events) {
  const auto found = topics_.find(events.front()->conversation);
  if (found == topics_.end()) return;
  // Iterates by feed, then by event: the feed's data stays in the CPU cache for the run.
  for (Feed* feed : found->second->feeds_) {
    for (const EventRef& event : events) feed->OnLive(*event);
  }
}

}  // namespace parley

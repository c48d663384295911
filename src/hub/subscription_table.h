// The feeds of this shard by conversation. Events are delivered in a plain loop. Threads: one
// shard.
#pragma once
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "hub/feed.h"

namespace parley {

// The feeds of one conversation on one shard.
class Topic {
 public:
  explicit Topic(const Uuid& conversation) : conversation_(conversation) {}
  const Uuid& conversation() const { return conversation_; }

 private:
  friend class SubscriptionTable;
  Uuid conversation_;
  std::vector<Feed*> feeds_;
};

class SubscriptionTable {
 public:
  // Returns true if the feed is the first of its conversation on this shard: the home shard must be
  // notified.
  bool Add(Feed& feed);
  // Returns true if the feed was the last of its conversation on this shard.
  bool Remove(Feed& feed);
  Feed* Find(FeedId id);

  // Delivers a run of durable events of one conversation, in ascending order.
  void Deliver(std::span<const EventRef> events);
  // Calls `f` for each feed of the conversation.
  template <class F>
  void ForEach(const Uuid& conversation, F f) {
    const auto found = topics_.find(conversation);
    if (found == topics_.end()) return;
    for (Feed* feed : found->second->feeds_) f(*feed);
  }
  // Returns true if `f` is true for a feed of the conversation; stops at the first match.
  template <class F>
  bool Any(const Uuid& conversation, F f) {
    const auto found = topics_.find(conversation);
    if (found == topics_.end()) return false;
    for (Feed* feed : found->second->feeds_) {
      if (f(*feed)) return true;
    }
    return false;
  }
  size_t feed_count() const { return feeds_.size() - free_.size(); }
  bool HasTopic(const Uuid& conversation) const { return topics_.contains(conversation); }

 private:
  struct Slot {
    Feed* feed = nullptr;
    uint32_t generation = 0;
  };
  std::unordered_map<Uuid, std::unique_ptr<Topic>> topics_;
  std::vector<Slot> feeds_;
  std::vector<uint32_t> free_;
};

}  // namespace parley

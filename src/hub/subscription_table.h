// Who on this shard listens to what: a conversation's feeds, and a user's sockets. One shard's
// thread; events go from here by a plain loop.
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
  // True: the first of its conversation here, so the home shard must hear of us.
  bool Add(Feed& feed);
  // True: the last of its conversation here.
  bool Remove(Feed& feed);
  Feed* Find(FeedId id);

  // Hands over a run of durable events of one conversation, ascending.
  void Deliver(std::span<const EventRef> events);
  // Ephemeral ones are not of a feed's order: whoever is full misses them.
  template <class F>
  void ForEach(const Uuid& conversation, F f) {
    const auto found = topics_.find(conversation);
    if (found == topics_.end()) return;
    for (Feed* feed : found->second->feeds_) f(*feed);
  }
  // Is it so for one of the conversation's feeds? Asks no further then.
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

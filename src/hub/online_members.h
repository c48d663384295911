// Which members of a conversation are online, for greetings. In a storm of connects, the members of a conversation are
// looked up once per tick: until the next tick, the conversation's presence events update the answer. What an answer
// does not reflect yet arrives as an event after it. Threads: one shard.
#pragma once
#include <unordered_map>
#include <vector>

#include "hub/known_members.h"
#include "hub/online_users.h"
#include "protocol/event.h"

namespace parley {

class OnlineMembers {
 public:
  // Maximum number of conversations with an answer: about a megabyte, with 100 members each.
  static constexpr size_t kMaxLists = 10'000;

  // `online`: null if there is no presence; then all members are offline.
  explicit OnlineMembers(const OnlineUsers* online) : online_(online) {}

  // Returns for each member, in their order, whether the user is online. Valid until the next call. `members`: of a
  // conversation that this shard is subscribed to, so that its presence events arrive.
  const std::vector<bool>& Of(const Uuid& conversation, const SharedUsers& members);
  // Call it for each presence event of a conversation.
  void OnPresence(const Event& event);
  // This shard is no longer subscribed to the conversation.
  void Forget(const Uuid& conversation) { lists_.erase(conversation); }
  // Call it ten times per second. Between two calls, an answer can miss the change of a user who is in more
  // conversations than Home broadcasts presence to.
  void OnTick() { lists_.clear(); }

 private:
  struct List {
    SharedUsers members;
    std::vector<bool> online;
  };
  const OnlineUsers* const online_;
  std::unordered_map<Uuid, List> lists_;
};

}  // namespace parley

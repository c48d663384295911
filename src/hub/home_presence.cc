// Home: presence, from what memory knows. A client that must receive it listens to the conversation here
// or on another shard of this node, so the conversation and its members are in memory.
#include "hub/home_room.h"

namespace parley {
namespace {

// Of one user on one shard: the most that a coming or going costs.
constexpr size_t kConversationsReached = 1000;

}  // namespace

std::vector<UserId> Home::BroadcastPresence(const UserId& user, bool online) {
  KeyedSet reached;
  size_t conversations = 0;
  for (const Uuid& conversation : rooms_->OfMember(user)) {
    Room& room = *rooms_->Find(conversation);
    if (room.subscribers == 0 || room.participants.size() < 2) continue;
    if (++conversations > kConversationsReached) break;
    Broadcast(room, PresenceEvent(conversation, user, online));
    reached.insert(room.participants.begin(), room.participants.end());
  }
  reached.erase(user);
  return {reached.begin(), reached.end()};
}

}  // namespace parley

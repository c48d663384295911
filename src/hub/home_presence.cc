// Home: presence broadcasts, based on the cached members. A client that must receive them
// subscribes to the conversation on this node, so the conversation and its members are cached.
#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {
namespace {

// Maximum number of conversations per shard that a change of a user's presence is sent to.
constexpr size_t kConversationsReached = 1000;

}  // namespace

std::vector<SharedUsers> Home::BroadcastPresence(const UserId& user, bool online, Origin origin) {
  std::vector<SharedUsers> reached;
  size_t conversations = 0;
  for (const Uuid& conversation : rooms_->OfMember(user)) {
    Room& room = *rooms_->Find(conversation);
    if (room.subscribers == 0 || room.members.all().size() < 2) continue;
    if (++conversations > kConversationsReached) break;
    Broadcast(room, PresenceEvent(conversation, user, online));
    if (origin == Origin::kThisNode) {
      for (EventTap* tap : options_.taps) tap->OnPresence(conversation, user, online);
    }
    reached.push_back(room.members.Share());
  }
  return reached;
}

}  // namespace parley

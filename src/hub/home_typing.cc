// Home: typing. What is shown goes the way of every event that may be dropped.
#include <algorithm>

#include "hub/home_room.h"

namespace parley {

void Home::SetTyping(const TypingUpdate& update) {
  if (ApplyTyping(update) && publisher_ != nullptr) publisher_->PublishTyping(update);
}

// True: it counts.
bool Home::ApplyTyping(const TypingUpdate& update) {
  const Room* found = rooms_->Find(update.conversation);
  if (found == nullptr) return false;
  if (!update.is_typing) {
    typists_.Stop(update.conversation, update.user, update.socket_id, Now());
    return true;
  }
  const Room& room = *found;
  if (!room.members_known || room.participants.empty()) return false;  // too large for typing
  // A removal may have been faster than the sign.
  const bool member = std::ranges::find(room.participants, update.user) != room.participants.end();
  if (!member && !update.as_service) return false;
  const bool taken = typists_.Start(update.conversation, update.user, update.socket_id, Now());
  if (!taken) counters_.ephemeral_dropped.Add();
  return taken;
}

void Home::ShowTyping(const Uuid& conversation, const UserId& user, bool is_typing) {
  Room* room = rooms_->Find(conversation);
  if (room != nullptr) Broadcast(*room, TypingEvent(conversation, user, is_typing));
}

void Home::OnTick(Monotonic now) {
  typists_.OnTick(now);
  Retry(now);
  if (publisher_ == nullptr) return;
  UnfollowIdle(now);
  CheckHeads(now);
  CatchUpWithStore(now);
}

}  // namespace parley

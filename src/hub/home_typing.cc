// Home: typing indicators, which are ephemeral events.
#include <algorithm>

#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

void Home::SetTyping(const TypingUpdate& update) {
  if (!ApplyTyping(update)) return;
  for (EventTap* tap : options_.taps) tap->OnTyping(update);
}

// Returns true if the update was applied.
bool Home::ApplyTyping(const TypingUpdate& update) {
  const Room* found = rooms_->Find(update.conversation);
  if (found == nullptr) return false;
  if (!update.is_typing) {
    typists_.Stop(update.conversation, update.user, update.socket_id, Now());
    return true;
  }
  const Room& room = *found;
  if (!room.members.known() || room.members.all().empty()) return false;  // too large for typing
  // The removal of the user may have arrived before the update.
  if (!room.members.Has(update.user) && !update.as_service) return false;
  const bool taken = typists_.Start(update.conversation, update.user, update.socket_id, Now());
  if (!taken) counters_.ephemeral_dropped.Add();
  return taken;
}

void Home::BroadcastTyping(const Uuid& conversation, const UserId& user, bool is_typing) {
  Room* room = rooms_->Find(conversation);
  if (room != nullptr) Broadcast(*room, TypingEvent(conversation, user, is_typing));
}

void Home::OnTick(Monotonic now) {
  typists_.OnTick(now);
  Retry(now);
  UnfollowIdle(now);
  if (!options_.other_writers) return;
  CheckHeads(now);
  CatchUpWithStore(now);
}

}  // namespace parley

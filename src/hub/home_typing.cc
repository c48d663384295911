// Home: typing. What is shown goes the way of every event that may be dropped.
#include <algorithm>

#include "hub/home_room.h"

namespace parley {

void Home::SetTyping(const TypingSign& sign) {
  if (Type(sign) && wire_ != nullptr) wire_->TellTyping(sign);
}

// True: it counts.
bool Home::Type(const TypingSign& sign) {
  const Room* found = rooms_->Find(sign.conversation);
  if (found == nullptr) return false;
  if (!sign.is_typing) {
    typists_.Stop(sign.conversation, sign.user, sign.tab, Now());
    return true;
  }
  const Room& room = *found;
  if (!room.members_known || room.participants.empty()) return false;  // too large for typing
  // A removal may have been faster than the sign.
  const bool member = std::ranges::find(room.participants, sign.user) != room.participants.end();
  if (!member && !sign.as_service) return false;
  const bool taken = typists_.Start(sign.conversation, sign.user, sign.tab, Now());
  if (!taken) counters_.ephemeral_dropped.Add();
  return taken;
}

void Home::ShowTyping(const Uuid& conversation, const UserId& user, bool is_typing) {
  Room* room = rooms_->Find(conversation);
  if (room != nullptr) LetOut(*room, TypingEvent(conversation, user, is_typing));
}

void Home::OnTick(Monotonic now) {
  typists_.OnTick(now);
  Retry(now);
  if (wire_ == nullptr) return;
  LeaveWhatIsEmpty(now);
  CheckHeads(now);
  CatchUpWithStore(now);
}

}  // namespace parley

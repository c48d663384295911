// Home: typing. What is shown goes the way of every event that may be dropped.
#include <algorithm>

#include "hub/home_room.h"

namespace parley {

void Home::SetTyping(const TypingSign& sign) {
  const auto found = by_id_.find(sign.conversation);
  if (found == by_id_.end()) return;
  if (!sign.is_typing) return typists_.Stop(sign.conversation, sign.user, sign.tab, Now());
  const Room& room = *found->second;
  if (!room.loaded || room.participants.empty()) return;  // too large for typing
  // A removal may have been faster than the sign.
  const bool member = std::ranges::find(room.participants, sign.user) != room.participants.end();
  if (!member && !sign.as_service) return;
  if (!typists_.Start(sign.conversation, sign.user, sign.tab, Now())) {
    counters_.ephemeral_dropped.Add();
  }
}

void Home::ShowTyping(const Uuid& conversation, const UserId& user, bool is_typing) {
  const auto found = by_id_.find(conversation);
  if (found != by_id_.end()) LetOut(*found->second, TypingEvent(conversation, user, is_typing));
}

void Home::OnTick(Monotonic now) { typists_.OnTick(now); }

}  // namespace parley

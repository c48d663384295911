#include "hub/typists.h"

#include <algorithm>

namespace parley {

bool Typists::Start(const Uuid& conversation, const UserId& user, uint64_t socket_id,
                    Monotonic now) {
  auto found = typists_.find({conversation, user});
  if (found == typists_.end()) {
    if (typists_.size() >= kMaxTypists) return false;
    found = typists_.try_emplace({conversation, user}).first;
  }
  std::vector<Socket>& sockets = found->second.sockets;
  std::erase_if(sockets, [&](const Socket& one) { return one.id == socket_id; });
  if (sockets.size() == kMaxSockets)
    sockets.erase(sockets.begin());  // the socket that expires first
  sockets.push_back({socket_id, now + kTypingEnds});
  Typist& typist = found->second;
  if (typist.shown && now >= typist.show_again) typist.shown = false;
  Settle(*found, now);
  return true;
}

void Typists::Stop(const Uuid& conversation, const UserId& user, uint64_t socket_id,
                   Monotonic now) {
  const auto found = typists_.find({conversation, user});
  if (found == typists_.end()) return;
  std::erase_if(found->second.sockets, [&](const Socket& one) { return one.id == socket_id; });
  Settle(*found, now);
}

void Typists::End(const Uuid& conversation, const UserId& user, Monotonic now) {
  const auto found = typists_.find({conversation, user});
  if (found == typists_.end()) return;
  found->second.sockets.clear();
  Settle(*found, now);
}

void Typists::OnTick(Monotonic now) {
  for (auto at = typists_.begin(); at != typists_.end();) {
    Typist& typist = at->second;
    std::erase_if(typist.sockets, [&](const Socket& one) { return one.until <= now; });
    Settle(*at, now);
    // The entry is kept while it delays the next start.
    const bool over = typist.sockets.empty() && now >= typist.next_start;
    at = over ? typists_.erase(at) : std::next(at);
  }
}

void Typists::Settle(Typing::value_type& entry, Monotonic now) {
  Typist& typist = entry.second;
  const bool is_typing = !typist.sockets.empty();
  if (is_typing == typist.shown || (is_typing && now < typist.next_start)) return;
  typist.shown = is_typing;
  if (is_typing) {
    typist.next_start = now + kBetweenStarts;
    typist.show_again = now + kShownAgain;
  }
  show_(entry.first.first, entry.first.second, is_typing);
}

}  // namespace parley

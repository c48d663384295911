// How homes of several nodes hear of each other. None: this node is alone, and memory is the truth's
// mirror. With one, memory holds only what is followed, and is checked against the store, since what
// the wire carries may be lost.
#pragma once
#include <optional>

#include "base/ids.h"
#include "protocol/events.h"

namespace parley {

// That a user types, or does so no more, on one of the user's sockets.
struct TypingUpdate {
  Uuid conversation;
  UserId user;
  uint64_t socket_id = 0;   // the socket
  bool as_service = false;  // who need not be a participant
  bool is_typing = false;
};

// What a change did to who is in the conversation: nothing, where neither is set.
struct MemberChange {
  std::optional<UserId> added, removed;
  int64_t participant_count = 0;  // after it
};

// An event of another node's.
struct RemoteEvent {
  EventRef event;
  MemberChange members;
  uint64_t epoch = 0;  // of the store that gave its seq; 0: unknown
};

class HomePublisher {
 public:
  virtual ~HomePublisher() = default;
  // Once it is so, each time that following begins anew, what may have been missed is looked for
  // (Home::OnChangedHeads, RecheckHeads).
  virtual void Follow(const Uuid& conversation) = 0;
  virtual void Leave(const Uuid& conversation) = 0;
  // `epoch`: of the store that gave the event its seq; 0 where it has none.
  virtual void Publish(const Event& event, const MemberChange& members, uint64_t epoch) = 0;
  virtual void PublishTyping(const TypingUpdate& update) = 0;
};

}  // namespace parley

// The interface through which homes exchange events with other nodes. If it is null, this node is
// alone and its cache is authoritative. Otherwise only followed conversations are cached, and the
// cache is checked against the store, because the bus can lose messages.
#pragma once
#include <optional>

#include "base/ids.h"
#include "protocol/events.h"

namespace parley {

// A user started or stopped typing on one socket.
struct TypingUpdate {
  Uuid conversation;
  UserId user;
  uint64_t socket_id = 0;   // unique per socket
  bool as_service = false;  // services need not be participants
  bool is_typing = false;
};

// The effect of a change on the membership; none if neither field is set.
struct MemberChange {
  std::optional<UserId> added, removed;
  int64_t participant_count = 0;  // after the change
};

// An event published by another node.
struct RemoteEvent {
  EventRef event;
  MemberChange members;
  uint64_t epoch = 0;  // epoch of the store that assigned the seq; 0: unknown
};

class HomePublisher {
 public:
  virtual ~HomePublisher() = default;
  // Starts to receive a conversation's events. Each time that a subscription becomes active, events
  // before it may have been missed; they are found through Home::OnChangedHeads and RecheckHeads.
  virtual void Follow(const Uuid& conversation) = 0;
  virtual void Leave(const Uuid& conversation) = 0;
  // Publishes an event to the nodes that follow its conversation. `epoch`: epoch of the store that
  // assigned the seq; 0 for ephemeral events.
  virtual void Publish(const Event& event, const MemberChange& members, uint64_t epoch) = 0;
  virtual void PublishTyping(const TypingUpdate& update) = 0;
};

}  // namespace parley

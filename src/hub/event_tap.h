// What a home exchanges with the bus and with the channel layer. Each of the two can be absent.
//
// - EventTap receives the events of this node's clients, in the order of their commits.
// - FollowSink learns which conversations have subscribers on this node.
// - RemoteEvent brings an event of another node to its home (Home::IngestRemote).
//
// Threads: the home's shard. Implementations must not block: they queue.
#pragma once
#include <optional>

#include "base/ids.h"
#include "protocol/event.h"

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

class EventTap {
 public:
  virtual ~EventTap() = default;
  // A committed change, or an ephemeral event. `epoch`: epoch of the store that assigned the seq; 0
  // for ephemeral events.
  virtual void OnEvent(const EventRef& event, const MemberChange& members, uint64_t epoch) = 0;
  virtual void OnTyping(const TypingUpdate& update) = 0;
  // A user of this node came online or went offline; once for each conversation of the user that has
  // subscribers here and is small enough.
  virtual void OnPresence(const Uuid& /*conversation*/, const UserId& /*user*/, bool /*online*/) {}
};

class FollowSink {
 public:
  virtual ~FollowSink() = default;
  // The conversation has subscribers from now on. A bus starts to receive its events. Each time that
  // a bus's subscription becomes active, earlier events may have been missed; they are found through
  // Home::OnChangedHeads and RecheckHeads.
  virtual void Follow(const Uuid& conversation) = 0;
  virtual void Leave(const Uuid& conversation) = 0;
  // The user has a user socket on this shard from now on. Calls are balanced, for each socket.
  virtual void FollowUser(const UserId& /*user*/) {}
  virtual void LeaveUser(const UserId& /*user*/) {}
};

}  // namespace parley

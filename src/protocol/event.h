// An event: a change or a notice that connections receive, with its JSON, its audience and its
// origin. It is encoded once; all connections of the node share it. A transport frames the JSON.
// docs/protocol.md describes the JSON.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// What happened. The kinds with JSON come first, in the order of kEventKinds in event.cc.
enum class EventKind : uint8_t {
  // Durable changes:
  kMessage,
  kMessageUpdated,
  kMessageDeleted,
  kConversationUpdated,
  // Ephemeral events:
  kReadReceipt,
  kTyping,
  kUserOnline,
  kUserOffline,
  kConversationCreated,
  kConversationDeleted,
  kApplication,  // {"name", "payload"}, from the backend or from Django
  // Events without JSON, for the hub:
  kMemberRemoved,  // ends the subscription of one user
  kRewound,        // the store moved back: Event::rewind_to
  kRestored,       // the seqs after about_seq, up to seq, were lost when the store was restored
  kUnknown,        // the JSON of a newer version's node
};

// The connections that receive an event.
enum class Audience : uint8_t {
  kEveryone,            // all subscribers of the conversation, except Event::except_user
  kSmallConversations,  // the same, in conversations that are small enough for typing and presence
  kOneUser,             // the subscriptions of Event::user
};

// Where an event entered this node.
enum class Origin : uint8_t {
  kThisNode,   // a command of a client of this node
  kOtherNode,  // the bus
  kStore,      // read from the store
  kDjango,     // the channel layer
};

// The subscribers whose subscription an event ends.
enum class Removal : uint8_t {
  kNone,
  kOneUser,   // RemovedUser(event), who was removed or left
  kEveryone,  // the conversation was deleted
};

struct Event {
  Uuid conversation;
  EventKind kind = EventKind::kUnknown;
  int64_t seq = 0;   // seq of the durable change; 0: ephemeral, can be dropped
  std::string json;  // {"type", "conversation_id", "seq", "data"}; empty for events of the hub
  Audience audience = Audience::kEveryone;
  Origin origin = Origin::kThisNode;
  UserId user = {};  // with Audience::kOneUser
  // A user who does not receive the event: its author, or a user who left; or empty
  UserId except_user = {};
  // When this node learned of the commit; unset for events read from the store.
  Monotonic committed_at = {};
  // The creation seq of the message that the event concerns; 0: the conversation.
  int64_t about_seq = 0;
  Removal removal = Removal::kNone;
  // Only for conversation sockets; user sockets receive another event.
  bool single_conversation = false;
  // For a new message that has not been delivered to another user: its sender. Otherwise empty.
  UserId undelivered_from = {};
  // If 0 or more: the store's head moved back to this seq, and later events are invalid.
  int64_t rewind_to = -1;
  // The JSON in a WebSocket frame, made by the first connection that needs it.
  LazyBytes websocket_frame = {};
};
using EventRef = std::shared_ptr<const Event>;

// The `type` of an event's JSON; empty for events without JSON.
std::string_view TypeOf(EventKind kind);
// The kind of an event by the `type` of its JSON.
EventKind KindOf(std::string_view json);
// The user whose subscription an event ends, with Removal::kOneUser.
inline const UserId& RemovedUser(const Event& event) {
  return event.audience == Audience::kOneUser ? event.user : event.except_user;
}

// Returns true if both events are the same change of a conversation, ignoring fields that are written
// later (delivered_at and after). Can return false if that cannot be decided.
bool SameChange(const Event& one, const Event& other);

// The bytes that the event and its frame use in memory. Constant for an event.
size_t CostOf(const Event& event);

}  // namespace parley

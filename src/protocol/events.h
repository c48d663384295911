// Server frames, encoded once. An Event is a frame for a conversation's subscribers, including its
// WebSocket header; all connections of the node share it. docs/protocol.md describes the JSON.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "domain/change.h"

namespace parley {

// The subscribers whose subscription an event ends.
enum class Removal : uint8_t {
  kNone,
  kOneUser,   // the user `except_user`, who was removed or left
  kEveryone,  // the conversation was deleted
};

struct Event {
  Uuid conversation;
  int64_t seq = 0;  // seq of the durable change; 0: ephemeral, can be dropped
  SharedBytes frame;
  Monotonic committed_at =
      {};  // when this node learned of the commit; unset for events read from the store
  UserId except_user =
      {};  // a user who does not receive the event: its author, or a user who left; or empty
  // The creation seq of the message that the event concerns; 0: the conversation.
  int64_t about_seq = 0;
  Removal removal = Removal::kNone;
  bool single_conversation =
      false;  // only for conversation sockets; user sockets receive another event
  // For a new message that has not been delivered to another user: its sender. Otherwise empty.
  UserId undelivered_from = {};
  // If 0 or more: the store's head moved back to this seq, and later events are invalid.
  int64_t rewind_to = -1;
};
using EventRef = std::shared_ptr<const Event>;

// --- objects, shared with REST responses

void AppendMessage(std::string& out, const Message& message);
void AppendAttachment(std::string& out, const Attachment& attachment);
// {messages, next_cursor, has_more}
void AppendHistory(std::string& out, const std::vector<Message>& messages, bool has_more);

// The fields of a conversation that differ by reader; frames omit them.
struct ReaderPart {
  int64_t unread_count = 0;
  const Message* last_message = nullptr;
};
enum class MemberList { kIdsOnly, kWithMembers };  // the detail route includes members
void AppendConversation(std::string& out, const Conversation& conversation,
                        const std::optional<ReaderPart>& reader = std::nullopt,
                        MemberList members = MemberList::kIdsOnly);

// Writes [member, …] with role and read mark.
void AppendMembers(std::string& out, const std::vector<Member>& members);
// Returns the JSON of a frame, without its WebSocket header.
std::string_view TextOf(const SharedBytes& frame);

// --- events of a conversation

// The event of a durable change. `leaver`: the user whom the change removed.
EventRef ChangeEvent(const Change& change, Monotonic committed_at = {},
                     const std::optional<UserId>& leaver = std::nullopt);
EventRef MessageEvent(const Message& message, Monotonic committed_at = {});
// The maximum messages in a receipt; more are split into several frames.
inline constexpr size_t kMessagesInReceipt = 100;
// `messages`: the ids that the reader gave.
EventRef ReadReceiptEvent(const Uuid& conversation, const UserId& reader,
                          std::span<const Uuid> messages, int64_t up_to_seq);
EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing);
// user_online or user_offline; without a conversation, for user sockets.
EventRef PresenceEvent(const std::optional<Uuid>& conversation, const UserId& user, bool online);
EventRef ConversationCreatedEvent(const Conversation& conversation);
EventRef ConversationDeletedEvent(const Uuid& conversation);
// Ends the subscription of a user who is no longer a participant, if no durable event does.
EventRef RemovalEvent(const Uuid& conversation, const UserId& leaver);
SharedBytes ConversationLeftFrame(const Uuid& conversation);

// An ephemeral event without a frame: see Event::rewind_to.
EventRef RewindEvent(const Uuid& conversation, int64_t rewind_to);
// Returns true if both events are the same change of a conversation, ignoring fields that are written
// later (delivered_at and after). Can return false if that cannot be decided.
bool SameChange(const Event& one, const Event& other);
// The bytes that the event and its frame use in memory.
size_t CostOf(const Event& event);

// Creates the event of another node from the JSON of its frame; the other members are those of `like`.
EventRef EventOf(Event like, std::string_view frame);

// --- responses to one connection

// The `ref` of the command, or nullopt.
using Ref = std::optional<std::string>;

SharedBytes AckFrame(const Ref& ref, const Message& message, bool duplicate);
// The ack of an edit or delete; `seq` is null if nothing changed.
SharedBytes ChangeAckFrame(const Ref& ref, const Change& change);
SharedBytes PlainAckFrame(const Ref& ref);
SharedBytes ErrorFrame(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error);
SharedBytes PongFrame(const Ref& ref);
SharedBytes HistoryFrame(const Ref& ref, const Uuid& conversation,
                         const std::vector<Message>& messages, bool has_more);
SharedBytes GapFrame(const Uuid& conversation, int64_t from, int64_t to, bool reset);

using ConversationSeqs = std::vector<std::pair<Uuid, int64_t>>;
SharedBytes ResumedFrame(const Ref& ref, const ConversationSeqs& conversations);

struct Greeting {
  UserId user;
  std::string session_id;
  int64_t ping_interval_ms = 0;
};
SharedBytes ConversationGreeting(const Greeting& greeting, const Uuid& conversation, int64_t seq,
                                 const std::vector<UserId>& online);
SharedBytes UserGreeting(const Greeting& greeting, const ConversationSeqs& heads,
                         std::string_view cursor, bool more);

SharedBytes DisconnectFrame(uint16_t code, std::string_view reason, bool reconnect,
                            int64_t delay_ms);

}  // namespace parley

// Server frames, encoded once: an Event is what a conversation's listeners get, whole, with its
// WebSocket header, shared by every connection of the node. JSON shapes: docs/protocol.md.
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

// Whose listening an event ends.
enum class Parting : uint8_t {
  kNobody,
  kOne,  // that of `hidden_from`, who was removed or left
  kAll,  // everybody's: the conversation is deleted
};

struct Event {
  Uuid conversation;
  int64_t seq = 0;  // of the durable change; 0: ephemeral, may be dropped
  SharedBytes frame;
  Monotonic committed_at = {};  // when its commit was heard of; unset for what was read back
  UserId hidden_from = {};      // whom it is not shown to: who caused it, or left; empty: nobody
  // The message that it shows or is about, by the seq of its creation; 0: the conversation.
  int64_t subject = 0;
  Parting parting = Parting::kNobody;
  bool narrow = false;  // for sockets of one conversation; user sockets are told otherwise
  // Of a new message that nobody else is known to have been shown: its sender. Else empty.
  UserId undelivered_from = {};
  // 0 or more: the store went back to that seq, and what listeners have beyond it is no longer so.
  int64_t rewind_to = -1;
};
using EventRef = std::shared_ptr<const Event>;

// --- objects, as REST shows them too

void AppendMessage(std::string& out, const Message& message);
void AppendAttachment(std::string& out, const Attachment& attachment);
// {messages, next_cursor, has_more}
void AppendHistory(std::string& out, const std::vector<Message>& messages, bool has_more);

// What differs by reader; frames leave it out.
struct ReaderPart {
  int64_t unread_count = 0;
  const Message* last_message = nullptr;
};
enum class MemberList { kIdsOnly, kWithMembers };  // the detail route shows members
void AppendConversation(std::string& out, const Conversation& conversation,
                        const std::optional<ReaderPart>& reader = std::nullopt,
                        MemberList members = MemberList::kIdsOnly);

// [member, …] with role and read mark
void AppendMembers(std::string& out, const std::vector<Member>& members);
// The JSON of a frame, without its WebSocket header.
std::string_view TextOf(const SharedBytes& frame);

// --- events of a conversation

// Whatever has a seq. `leaver`: who was removed by it.
EventRef ChangeEvent(const Change& change, Monotonic committed_at = {},
                     const std::optional<UserId>& leaver = std::nullopt);
EventRef MessageEvent(const Message& message, Monotonic committed_at = {});
// A receipt that names more messages goes out in several frames.
inline constexpr size_t kMessagesInReceipt = 100;
// `messages`: those that the reader named.
EventRef ReadReceiptEvent(const Uuid& conversation, const UserId& reader,
                          std::span<const Uuid> messages, int64_t up_to_seq);
EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing);
// user_online or user_offline; without a conversation: for user sockets.
EventRef PresenceEvent(const std::optional<Uuid>& conversation, const UserId& user, bool online);
EventRef ConversationCreatedEvent(const Conversation& conversation);
EventRef ConversationDeletedEvent(const Uuid& conversation);
// Ends the listening of one who is in it no more, where no durable event does.
EventRef PartingEvent(const Uuid& conversation, const UserId& leaver);
SharedBytes ConversationLeftFrame(const Uuid& conversation);

// Ephemeral and without a frame: see Event::rewind_to.
EventRef RewindEvent(const Uuid& conversation, int64_t rewind_to);
// Do both show the same change of a conversation? What is written later into a message's row
// (delivered_at and what follows it) does not count. May say no where it cannot be told.
bool SameChange(const Event& one, const Event& other);
// Bytes that it takes in memory with its frame, held by one reference.
size_t CostOf(const Event& event);

// One that another node has made, from the JSON of its frame: the rest is as in `like`.
EventRef EventOf(Event like, std::string_view frame);

// --- answers to one connection

// `ref` is the command's own, null when it had none.
using Ref = std::optional<std::string>;

SharedBytes AckFrame(const Ref& ref, const Message& message, bool duplicate);
// Of an edit or delete; `seq` is null where nothing had to change.
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

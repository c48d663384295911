// Server frames, encoded once: an Event is what a conversation's listeners get, whole, with its
// WebSocket header, shared by every connection of the node. JSON shapes: docs/protocol.md.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "domain/conversation.h"
#include "domain/message.h"

namespace parley {

struct Event {
  Uuid conversation;
  int64_t seq = 0;  // of the durable change; 0: ephemeral, may be dropped
  SharedBytes frame;
  Monotonic committed_at = {};  // when its commit was heard of; unset for what was read back
  UserId hidden_from = {};      // who caused an event that only the others see; empty: nobody
};
using EventRef = std::shared_ptr<const Event>;

// --- objects, as REST shows them too

void AppendMessage(std::string& out, const Message& message);
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

// --- events of a conversation

EventRef MessageEvent(const Message& message, Monotonic committed_at = {});
EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing);
EventRef ConversationCreatedEvent(const Conversation& conversation);

// --- answers to one connection

// `ref` is the command's own, null when it had none.
using Ref = std::optional<std::string>;

SharedBytes AckFrame(const Ref& ref, const Message& message, bool duplicate);
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

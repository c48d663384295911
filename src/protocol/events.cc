#include "protocol/events.h"

#include <algorithm>
#include <utility>

#include "protocol/envelope.h"
#include "protocol/objects.h"

namespace parley {
namespace {

// The kinds of durable changes have the same order in both enumerations.
static_assert(static_cast<int>(EventKind::kConversationUpdated) ==
              static_cast<int>(ChangeKind::kConversationUpdated));

UserId UndeliveredFrom(const Change& change) {
  const Message& message = change.message;
  if (change.kind != ChangeKind::kMessage || message.delivered_at || !message.sender_id) return {};
  return *message.sender_id;
}

EventRef Share(Event event) { return std::make_shared<const Event>(std::move(event)); }

}  // namespace

EventRef MessageEvent(const Message& message, Monotonic committed_at) {
  return ChangeEvent({.seq = message.seq, .message = message}, committed_at);
}

EventRef ChangeEvent(const Change& change, Monotonic committed_at,
                     const std::optional<UserId>& leaver) {
  if (change.kind == ChangeKind::kRestored) {
    return Share({.conversation = change.message.conversation_id,
                  .kind = EventKind::kRestored,
                  .seq = change.seq,
                  .origin = Origin::kStore,
                  .about_seq = change.message.seq});
  }
  const bool of_conversation = change.kind == ChangeKind::kConversationUpdated;
  const Uuid& conversation =
      of_conversation ? change.conversation->id : change.message.conversation_id;
  const auto kind = static_cast<EventKind>(change.kind);
  Envelope frame(TypeOf(kind));
  frame.OfConversation(conversation).WithSeq(change.seq);
  if (of_conversation) {
    frame.DataFrom([&](std::string& out) { AppendConversation(out, *change.conversation); });
  } else if (change.kind == ChangeKind::kMessageDeleted) {
    frame.Data().Field("message_id", change.message.id);
  } else {
    frame.DataFrom([&](std::string& out) { AppendMessage(out, change.message); });
  }
  return Share({.conversation = conversation,
                .kind = kind,
                .seq = change.seq,
                .json = frame.Done(),
                .origin = committed_at == Monotonic{} ? Origin::kStore : Origin::kThisNode,
                .except_user = leaver.value_or(UserId()),
                .committed_at = committed_at,
                .about_seq = of_conversation ? 0 : change.message.seq,
                .removal = leaver ? Removal::kOneUser : Removal::kNone,
                .undelivered_from = UndeliveredFrom(change)});
}

EventRef ReadReceiptEvent(const Uuid& conversation, const UserId& reader,
                          std::span<const Uuid> messages, int64_t up_to_seq) {
  Envelope frame(TypeOf(EventKind::kReadReceipt));
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("user_id", std::string_view(reader));
  data.Key("message_ids");
  data.BeginArray();
  for (const Uuid& message : messages) data.String(message.ToString());
  data.EndArray();
  data.Field("up_to_seq", up_to_seq);
  return Share({.conversation = conversation,
                .kind = EventKind::kReadReceipt,
                .json = frame.Done(),
                .audience = Audience::kSmallConversations});
}

EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing) {
  Envelope frame(TypeOf(EventKind::kTyping));
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("user_id", std::string_view(user));
  data.Field("is_typing", is_typing);
  return Share({.conversation = conversation,
                .kind = EventKind::kTyping,
                .json = frame.Done(),
                .audience = Audience::kSmallConversations,
                .except_user = user});
}

EventRef PresenceEvent(const std::optional<Uuid>& conversation, const UserId& user, bool online) {
  const EventKind kind = online ? EventKind::kUserOnline : EventKind::kUserOffline;
  Envelope frame(TypeOf(kind));
  if (conversation) frame.OfConversation(*conversation);
  frame.Data().Field("user_id", std::string_view(user));
  return Share({.conversation = conversation.value_or(Uuid()),
                .kind = kind,
                .json = frame.Done(),
                .audience = Audience::kSmallConversations,
                .except_user = user,
                .single_conversation = true});
}

EventRef ConversationCreatedEvent(const Conversation& conversation) {
  Envelope frame(TypeOf(EventKind::kConversationCreated));
  frame.OfConversation(conversation.id);
  frame.DataFrom([&](std::string& out) { AppendConversation(out, conversation); });
  return Share({.conversation = conversation.id,
                .kind = EventKind::kConversationCreated,
                .json = frame.Done()});
}

EventRef ConversationDeletedEvent(const Uuid& conversation) {
  Envelope frame(TypeOf(EventKind::kConversationDeleted));
  frame.OfConversation(conversation).Data().Field("conversation_id", conversation);
  return Share({.conversation = conversation,
                .kind = EventKind::kConversationDeleted,
                .json = frame.Done(),
                .removal = Removal::kEveryone});
}

EventRef RemovalEvent(const Uuid& conversation, const UserId& leaver) {
  return Share({.conversation = conversation,
                .kind = EventKind::kMemberRemoved,
                .audience = Audience::kOneUser,
                .user = leaver,
                .removal = Removal::kOneUser});
}

EventRef RewindEvent(const Uuid& conversation, int64_t rewind_to) {
  return Share({.conversation = conversation, .kind = EventKind::kRewound, .rewind_to = rewind_to});
}

EventRef RemoteEventFrom(Event like, std::string json) {
  like.origin = Origin::kOtherNode;
  if (!json.empty()) like.kind = KindOf(json);
  like.json = std::move(json);
  return Share(std::move(like));
}

}  // namespace parley

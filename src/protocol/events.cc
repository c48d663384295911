#include "protocol/events.h"

#include <algorithm>

#include "net/ws_frame.h"
#include "protocol/error_fields.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

// The envelope of every server frame: type, ref?, conversation_id?, seq?, data?.
// Built in one buffer that is copied once, into the shared frame.
class Frame {
 public:
  explicit Frame(std::string_view type) : json_(text_) {
    text_.reserve(512);
    json_.BeginObject();
    json_.Field("type", type);
  }
  Frame& OfConversation(const Uuid& conversation) {
    json_.Field("conversation_id", conversation);
    return *this;
  }
  Frame& WithSeq(int64_t seq) {
    json_.Field("seq", seq);
    return *this;
  }
  Frame& WithRef(const Ref& ref) {
    if (ref) json_.Field("ref", std::string_view(*ref));
    return *this;
  }
  // Everything until Done() goes into `data`.
  JsonWriter& Data() {
    json_.Key("data");
    json_.BeginObject();
    in_data_ = true;
    return json_;
  }
  // `data` is an object that `append` writes by itself.
  template <class Append>
  Frame& DataFrom(Append append) {
    std::string object;
    append(object);
    json_.Key("data");
    json_.Raw(object);
    return *this;
  }
  SharedBytes Done() {
    if (in_data_) json_.EndObject();
    json_.EndObject();
    return EncodeText(text_);
  }

 private:
  std::string text_;
  JsonWriter json_;
  bool in_data_ = false;
};

UserId UndeliveredFrom(const Change& change) {
  const Message& message = change.message;
  if (change.kind != ChangeKind::kMessage || message.delivered_at || !message.sender_id) return {};
  return *message.sender_id;
}

std::string_view TypeOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kMessage:
      return "message";
    case ChangeKind::kMessageUpdated:
      return "message_updated";
    case ChangeKind::kMessageDeleted:
      return "message_deleted";
    case ChangeKind::kConversationUpdated:
      return "conversation_updated";
  }
  return "";
}

EventRef EphemeralEvent(const Uuid& conversation, SharedBytes frame, UserId except_user = {}) {
  return std::make_shared<const Event>(
      Event{conversation, 0, std::move(frame), {}, std::move(except_user)});
}

void WriteSeqs(JsonWriter& json, const ConversationSeqs& seqs) {
  json.BeginObject();
  for (const auto& [conversation, seq] : seqs) {
    json.Key(conversation.ToString());
    json.Int(seq);
  }
  json.EndObject();
}

void WriteUsers(JsonWriter& json, const std::vector<UserId>& users) {
  json.BeginArray();
  for (const UserId& user : users) json.String(user);
  json.EndArray();
}

void WriteGreeting(JsonWriter& json, const Greeting& greeting) {
  json.Field("user_id", std::string_view(greeting.user));
  json.Field("session_id", std::string_view(greeting.session_id));
  json.Field("ping_interval_ms", greeting.ping_interval_ms);
}

void WriteAttachment(JsonWriter& json, const Attachment& attachment) {
  json.BeginObject();
  json.Field("id", attachment.id);
  json.Field("filename", std::string_view(attachment.filename));
  json.Field("content_type", std::string_view(attachment.content_type));
  json.Field("file_size", attachment.file_size);
  json.Field("file_url", std::string_view(ContentPath(attachment.id) + attachment.link_query));
  json.Field("uploaded_by_id", std::string_view(attachment.uploaded_by));
  json.Field("uploaded_at", attachment.uploaded_at);
  json.Field("message_id", attachment.message_id);
  json.Key("metadata");
  json.Raw(attachment.metadata);
  json.EndObject();
}

}  // namespace

// --- objects

void AppendAttachment(std::string& out, const Attachment& attachment) {
  JsonWriter json(out);
  WriteAttachment(json, attachment);
}

void AppendMessage(std::string& out, const Message& message) {
  JsonWriter json(out);
  json.BeginObject();
  json.Field("id", message.id);
  json.Field("conversation_id", message.conversation_id);
  json.Field("seq", message.seq);
  json.Field("sender_id", message.sender_id);
  json.Field("content", std::string_view(message.content));
  json.Field("content_type", std::string_view(message.content_type));
  json.Field("sent_at", message.sent_at);
  json.Field("delivered_at", message.delivered_at);
  json.Field("read_at", message.read_at);
  json.Field("edited_at", message.edited_at);
  json.Field("deleted_at", message.deleted_at);
  json.Field("reply_to", message.reply_to);
  json.Key("reactions");
  json.Raw("{}");
  json.Key("attachments");
  json.BeginArray();
  for (const Attachment& attachment : message.attachments) WriteAttachment(json, attachment);
  json.EndArray();
  json.Key("metadata");
  json.Raw(message.metadata);
  json.Field("client_id", message.client_id);
  json.EndObject();
}

void AppendMembers(std::string& out, const std::vector<Member>& members) {
  JsonWriter json(out);
  json.BeginArray();
  for (const Member& member : members) {
    json.BeginObject();
    json.Field("user_id", std::string_view(member.user));
    json.Field("role", Name(member.role));
    json.Field("joined_at", member.joined_at);
    json.Field("last_read_seq", member.last_read_seq);
    json.Field("last_read_at", member.last_read_at);
    json.EndObject();
  }
  json.EndArray();
}

std::string_view TextOf(const SharedBytes& frame) {
  const std::string_view bytes = frame.view();
  // RFC 6455 §5.2, unmasked: two bytes, and two or eight more of length.
  const auto length = static_cast<uint8_t>(bytes[1]);
  return bytes.substr(length == 127 ? 10 : length == 126 ? 4 : 2);
}

void AppendConversation(std::string& out, const Conversation& conversation,
                        const std::optional<ReaderPart>& reader, MemberList members) {
  JsonWriter json(out);
  json.BeginObject();
  json.Field("id", conversation.id);
  json.Field("type", Name(conversation.type));
  json.Field("title", conversation.title);
  json.Key("participants");
  json.BeginArray();
  for (const Member& member : conversation.members) json.String(member.user);
  json.EndArray();
  json.Field("participant_count", conversation.participant_count);
  json.Field("created_at", conversation.created_at);
  json.Field("last_message_at", conversation.last_message_at);
  json.Key("metadata");
  json.Raw(conversation.metadata);
  json.Field("seq", conversation.seq);
  if (reader) {
    json.Field("unread_count", reader->unread_count);
    json.Key("last_message");
    if (reader->last_message == nullptr) {
      json.Null();
    } else {
      std::string message;
      AppendMessage(message, *reader->last_message);
      json.Raw(message);
    }
  }
  if (members == MemberList::kWithMembers) {
    json.Key("members");
    std::string list;
    AppendMembers(list, conversation.members);
    json.Raw(list);
  }
  json.EndObject();
}

// --- events

EventRef MessageEvent(const Message& message, Monotonic committed_at) {
  return ChangeEvent({.seq = message.seq, .message = message}, committed_at);
}

EventRef ChangeEvent(const Change& change, Monotonic committed_at,
                     const std::optional<UserId>& leaver) {
  const bool of_conversation = change.kind == ChangeKind::kConversationUpdated;
  const Uuid& conversation =
      of_conversation ? change.conversation->id : change.message.conversation_id;
  Frame frame(TypeOf(change.kind));
  frame.OfConversation(conversation).WithSeq(change.seq);
  if (of_conversation) {
    frame.DataFrom([&](std::string& out) { AppendConversation(out, *change.conversation); });
  } else if (change.kind == ChangeKind::kMessageDeleted) {
    frame.Data().Field("message_id", change.message.id);
  } else {
    frame.DataFrom([&](std::string& out) { AppendMessage(out, change.message); });
  }
  return std::make_shared<const Event>(Event{.conversation = conversation,
                                             .seq = change.seq,
                                             .frame = frame.Done(),
                                             .committed_at = committed_at,
                                             .except_user = leaver.value_or(UserId()),
                                             .about_seq = of_conversation ? 0 : change.message.seq,
                                             .removal = leaver ? Removal::kOneUser : Removal::kNone,
                                             .undelivered_from = UndeliveredFrom(change)});
}

EventRef ReadReceiptEvent(const Uuid& conversation, const UserId& reader,
                          std::span<const Uuid> messages, int64_t up_to_seq) {
  Frame frame("read_receipt");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("user_id", std::string_view(reader));
  data.Key("message_ids");
  data.BeginArray();
  for (const Uuid& message : messages) data.String(message.ToString());
  data.EndArray();
  data.Field("up_to_seq", up_to_seq);
  return EphemeralEvent(conversation, frame.Done());
}

EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing) {
  Frame frame("typing_indicator");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("user_id", std::string_view(user));
  data.Field("is_typing", is_typing);
  return EphemeralEvent(conversation, frame.Done(), user);
}

EventRef PresenceEvent(const std::optional<Uuid>& conversation, const UserId& user, bool online) {
  Frame frame(online ? "user_online" : "user_offline");
  if (conversation) frame.OfConversation(*conversation);
  frame.Data().Field("user_id", std::string_view(user));
  return std::make_shared<const Event>(Event{.conversation = conversation.value_or(Uuid()),
                                             .frame = frame.Done(),
                                             .except_user = user,
                                             .single_conversation = true});
}

EventRef ConversationCreatedEvent(const Conversation& conversation) {
  Frame frame("conversation_created");
  frame.OfConversation(conversation.id);
  frame.DataFrom([&](std::string& out) { AppendConversation(out, conversation); });
  return EphemeralEvent(conversation.id, frame.Done());
}

EventRef ConversationDeletedEvent(const Uuid& conversation) {
  Frame frame("conversation_deleted");
  frame.OfConversation(conversation).Data().Field("conversation_id", conversation);
  return std::make_shared<const Event>(
      Event{.conversation = conversation, .frame = frame.Done(), .removal = Removal::kEveryone});
}

EventRef RemovalEvent(const Uuid& conversation, const UserId& leaver) {
  return std::make_shared<const Event>(
      Event{.conversation = conversation, .except_user = leaver, .removal = Removal::kOneUser});
}

SharedBytes ConversationLeftFrame(const Uuid& conversation) {
  Frame frame("conversation_left");
  frame.OfConversation(conversation).Data().Field("conversation_id", conversation);
  return frame.Done();
}

EventRef RewindEvent(const Uuid& conversation, int64_t rewind_to) {
  return std::make_shared<const Event>(Event{.conversation = conversation, .rewind_to = rewind_to});
}

bool SameChange(const Event& one, const Event& other) {
  if (one.seq != other.seq || one.about_seq != other.about_seq) return false;
  const auto first_part = [](const Event& event) {
    const std::string_view text = TextOf(event.frame);
    return text.substr(0, text.find(R"("delivered_at":)"));
  };
  return first_part(one) == first_part(other);
}

size_t CostOf(const Event& event) {
  // Beside the event: the control block that lies before it, the frame's, what malloc adds to each
  // of the two, and a place in a vector.
  constexpr size_t kFixed = sizeof(Event) + 16 + 16 + 2 * 16 + 2 * sizeof(EventRef);
  const auto heap = [](const UserId& user) {
    return user.capacity() < sizeof(UserId) / 2 ? 0 : user.capacity() + 16;
  };
  return kFixed + event.frame.size() + heap(event.except_user) + heap(event.undelivered_from);
}

EventRef EventOf(Event like, std::string_view frame) {
  if (!frame.empty()) like.frame = EncodeText(frame);
  return std::make_shared<const Event>(std::move(like));
}

// --- answers

SharedBytes AckFrame(const Ref& ref, const Message& message, bool duplicate) {
  Frame frame("ack");
  JsonWriter& data = frame.WithRef(ref).OfConversation(message.conversation_id).Data();
  data.Field("id", message.id);
  data.Field("seq", message.seq);
  data.Field("client_id", message.client_id);
  data.Field("duplicate", duplicate);
  return frame.Done();
}

SharedBytes ChangeAckFrame(const Ref& ref, const Change& change) {
  Frame frame("ack");
  JsonWriter& data = frame.WithRef(ref).OfConversation(change.message.conversation_id).Data();
  data.Field("id", change.message.id);
  data.Key("seq");
  if (change.seq == 0) {
    data.Null();
  } else {
    data.Int(change.seq);
  }
  return frame.Done();
}

SharedBytes PlainAckFrame(const Ref& ref) {
  Frame frame("ack");
  frame.WithRef(ref).Data();
  return frame.Done();
}

SharedBytes ErrorFrame(const Ref& ref, const std::optional<Uuid>& conversation,
                       const Error& error) {
  Frame frame("error");
  frame.WithRef(ref);
  if (conversation) frame.OfConversation(*conversation);
  JsonWriter& data = frame.Data();
  data.Field("code", Name(error.code));
  data.Field("message", std::string_view(error.detail));
  if (!error.reason.empty()) data.Field("reason", error.reason);
  if (!error.fields.empty()) {
    data.Key("fields");
    data.BeginObject();
    AppendErrorFields(data, error);
    data.EndObject();
  }
  if (error.retry_after) {
    data.Field("retry_after_ms", static_cast<int64_t>(error.retry_after->count()));
  }
  return frame.Done();
}

SharedBytes PongFrame(const Ref& ref) {
  Frame frame("pong");
  frame.WithRef(ref).Data();
  return frame.Done();
}

SharedBytes HistoryFrame(const Ref& ref, const Uuid& conversation,
                         const std::vector<Message>& messages, bool has_more) {
  Frame frame("message_history");
  frame.WithRef(ref).OfConversation(conversation);
  frame.DataFrom([&](std::string& out) { AppendHistory(out, messages, has_more); });
  return frame.Done();
}

void AppendHistory(std::string& out, const std::vector<Message>& messages, bool has_more) {
  JsonWriter json(out);
  json.BeginObject();
  json.Key("messages");
  json.BeginArray();
  std::string object;
  for (const Message& message : messages) {
    object.clear();
    AppendMessage(object, message);
    json.Raw(object);
  }
  json.EndArray();
  json.Key("next_cursor");
  if (has_more && !messages.empty()) {
    json.String(messages.back().id.ToString());
  } else {
    json.Null();
  }
  json.Field("has_more", has_more);
  json.EndObject();
}

SharedBytes GapFrame(const Uuid& conversation, int64_t from, int64_t to, bool reset) {
  Frame frame("gap");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("from", from);
  data.Field("to", to);
  if (reset) data.Field("reset", true);
  return frame.Done();
}

SharedBytes ResumedFrame(const Ref& ref, const ConversationSeqs& conversations) {
  Frame frame("resumed");
  JsonWriter& data = frame.WithRef(ref).Data();
  data.Key("conversations");
  WriteSeqs(data, conversations);
  return frame.Done();
}

SharedBytes ConversationGreeting(const Greeting& greeting, const Uuid& conversation, int64_t seq,
                                 const std::vector<UserId>& online) {
  Frame frame("connection_established");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  WriteGreeting(data, greeting);
  data.Field("conversation_id", conversation);
  data.Field("seq", seq);
  data.Key("online");
  WriteUsers(data, online);
  return frame.Done();
}

SharedBytes UserGreeting(const Greeting& greeting, const ConversationSeqs& heads,
                         std::string_view cursor, bool more) {
  Frame frame("connection_established");
  JsonWriter& data = frame.Data();
  WriteGreeting(data, greeting);
  data.Key("conversations");
  WriteSeqs(data, heads);
  data.Field("cursor", cursor);
  data.Field("more", more);
  return frame.Done();
}

SharedBytes DisconnectFrame(uint16_t code, std::string_view reason, bool reconnect,
                            int64_t delay_ms) {
  Frame frame("disconnect");
  JsonWriter& data = frame.Data();
  data.Field("code", static_cast<int64_t>(code));
  data.Field("reason", reason);
  data.Field("reconnect", reconnect);
  data.Field("delay_ms", delay_ms);
  return frame.Done();
}

}  // namespace parley

#include "django/from_django.h"

#include "django/json_text.h"
#include "django/message_codec.h"
#include "domain/text.h"
#include "protocol/json_writer.h"

namespace parley::django {
namespace {

using Kind = Value::Kind;
using Event = EventKind;
using Result = std::variant<DjangoEvent, Discarded>;

constexpr size_t kMostIds = 1000, kMostContentType = 20, kMostMetadata = 8 * 1024;

// An object stands for its `id`.
const Value* IdOf(const Value* value) {
  if (value != nullptr && value->is(Kind::kObject)) return value->Find("id");
  return value;
}

std::optional<Uuid> UuidOf(const Value* value) {
  value = IdOf(value);
  if (value == nullptr || !value->is(Kind::kString)) return std::nullopt;
  return Uuid::Parse(value->text());
}

std::optional<UserId> UserOf(const Value* value) {
  value = IdOf(value);
  if (value == nullptr || !(value->is(Kind::kString) || value->is(Kind::kNumber))) {
    return std::nullopt;
  }
  // A number must be an integer: "1.0" is another user than "1".
  if (value->is(Kind::kNumber) &&
      value->text().find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return ParseUserId(value->text());
}

const Value* FirstOf(const Value& object, std::string_view name, std::string_view other) {
  const Value* const value = object.Find(name);
  return value != nullptr && !value->is(Kind::kNull) ? value : object.Find(other);
}

std::string Frame(std::string_view type, const std::optional<Uuid>& conversation,
                  std::string_view data, bool foreign_message = false) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field("type", type);
  if (conversation) json.Field("conversation_id", *conversation);
  if (foreign_message) json.Field("stored", false);
  json.Key("data");
  json.Raw(data);
  json.EndObject();
  return out;
}

std::string DataOf(const ForeignMessage& message) {
  std::string out;
  JsonWriter json(out);
  const auto null = [&](std::string_view name) {
    json.Key(name);
    json.Null();
  };
  json.BeginObject();
  json.Field("id", message.id);
  json.Field("conversation_id", message.conversation_id);
  null("seq");
  json.Field("sender_id", message.sender_id);
  json.Field("content", message.content);
  json.Field("content_type", message.content_type);
  json.Field("sent_at", message.sent_at);
  for (const char* const name :
       {"delivered_at", "read_at", "edited_at", "deleted_at", "reply_to"}) {
    null(name);
  }
  json.Key("reactions");
  json.Raw("{}");
  json.Key("attachments");
  json.Raw("[]");
  json.Key("metadata");
  json.Raw(message.metadata);
  null("client_id");
  json.EndObject();
  return out;
}

std::optional<ForeignMessage> MessageOf(const Uuid& conversation, const Value* value,
                                        Timestamp now) {
  if (value == nullptr || !value->is(Kind::kObject)) return std::nullopt;
  const auto id = UuidOf(value->Find("id"));
  const auto content = value->TextAt("content");
  if (!id || !content) return std::nullopt;
  const Value* const named = FirstOf(*value, "conversation_id", "conversation");
  if (named != nullptr && !named->is(Kind::kNull) && UuidOf(named) != conversation) {
    return std::nullopt;
  }
  ForeignMessage out{.id = *id,
                     .conversation_id = conversation,
                     .sender_id = UserOf(FirstOf(*value, "sender_id", "sender")),
                     .content = std::string(*content),
                     .sent_at = now};
  const auto type = FoldContentType(value->TextAt("content_type").value_or(""));
  if (type && type->size() <= kMostContentType) out.content_type = *type;
  if (const auto sent = ParseTimestamp(value->TextAt("sent_at").value_or(""))) out.sent_at = *sent;
  if (const Value* const metadata = value->Find("metadata");
      metadata != nullptr && metadata->is(Kind::kObject)) {
    std::string text = JsonOf(*metadata);
    if (text.size() <= kMostMetadata) out.metadata = std::move(text);
  }
  return out;
}

class Translator {
 public:
  Translator(const Uuid& conversation, const Value& message, Timestamp now)
      : conversation_(conversation), message_(message), now_(now) {}

  Result Translate(std::string_view handler) const {
    if (handler == "chat_message") return ChatMessage();
    if (handler == "message_updated") return WithMessage(Event::kMessageUpdated, "message_updated");
    if (handler == "message_deleted") return Deleted(FirstOf(message_, "message_id", "message"));
    if (handler == "conversation_updated") return ConversationUpdated();
    if (handler == "read_receipt") return ReadReceipt();
    if (handler == "typing_indicator") return Typing();
    if (handler == "user_online") return Presence(Event::kUserOnline, handler);
    if (handler == "user_offline") return Presence(Event::kUserOffline, handler);
    return Discarded::kIgnored;
  }

 private:
  Result ChatMessage() const {
    const std::string_view what = message_.TextAt("event").value_or("message.created");
    if (what == "message.created") return WithMessage(Event::kMessage, "message");
    if (what == "message.updated") return WithMessage(Event::kMessageUpdated, "message_updated");
    if (what == "message.deleted") return Deleted(message_.Find("message"));
    return Discarded::kIgnored;
  }

  Result WithMessage(Event kind, std::string_view type) const {
    const auto message = MessageOf(conversation_, message_.Find("message"), now_);
    if (!message) return Discarded::kMalformed;
    DjangoEvent event = Of(kind);
    event.message_id = message->id;
    event.json = Frame(type, conversation_, DataOf(*message), true);
    event.message = *message;
    return event;
  }

  Result Deleted(const Value* id_or_message) const {
    const auto id = UuidOf(id_or_message);
    if (!id) return Discarded::kMalformed;
    DjangoEvent event = Of(Event::kMessageDeleted);
    event.message_id = *id;
    event.json = Frame("message_deleted", conversation_,
                       R"({"message_id":")" + id->ToString() + "\"}", true);
    return event;
  }

  Result ConversationUpdated() const {
    const Value* const conversation = message_.Find("conversation");
    if (conversation == nullptr || !conversation->is(Kind::kObject)) return Discarded::kMalformed;
    DjangoEvent event = Of(Event::kConversationUpdated);
    event.json = Frame("conversation_updated", conversation_, JsonOf(*conversation), true);
    return event;
  }

  Result ReadReceipt() const {
    const auto user = UserOf(message_.Find("user_id"));
    const Value* const ids = message_.Find("message_ids");
    if (!user || ids == nullptr || !ids->is(Kind::kArray) || ids->items().size() > kMostIds) {
      return Discarded::kMalformed;
    }
    std::string data;
    JsonWriter json(data);
    json.BeginObject();
    json.Field("user_id", *user);
    json.Key("message_ids");
    json.BeginArray();
    for (const Value& item : ids->items()) {
      const auto id = UuidOf(&item);
      if (!id) return Discarded::kMalformed;
      json.Value(*id);
    }
    json.EndArray();
    json.EndObject();
    return About(*user, Event::kReadReceipt, "read_receipt", data);
  }

  Result Typing() const {
    const auto user = UserOf(message_.Find("user_id"));
    const Value* const typing = message_.Find("is_typing");
    if (!user || typing == nullptr || !typing->is(Kind::kBool)) return Discarded::kMalformed;
    std::string data;
    JsonWriter json(data);
    json.BeginObject();
    json.Field("user_id", *user);
    json.Field("is_typing", typing->flag());
    json.EndObject();
    return About(*user, Event::kTyping, "typing_indicator", data);
  }

  Result Presence(Event kind, std::string_view type) const {
    const auto user = UserOf(message_.Find("user_id"));
    if (!user) return Discarded::kMalformed;
    std::string data;
    JsonWriter json(data);
    json.BeginObject();
    json.Field("user_id", *user);
    json.EndObject();
    return About(*user, kind, type, data);
  }

  DjangoEvent Of(Event kind) const { return {.kind = kind, .conversation = conversation_}; }
  DjangoEvent About(const UserId& user, Event kind, std::string_view type,
                    std::string_view data) const {
    DjangoEvent event = Of(kind);
    event.user = user;
    event.json = Frame(type, conversation_, data);
    return event;
  }

  const Uuid& conversation_;
  const Value& message_;
  const Timestamp now_;
};

// The fields of the message, except its type, are the payload.
DjangoEvent Application(const Value& message, std::string_view type,
                        const std::optional<Uuid>& conversation) {
  Value payload = message;
  payload.Take("type");
  Value data = Value::Object();
  data.Set("name", Value::String(std::string(type)));
  data.Set("payload", std::move(payload));
  return {.kind = Event::kApplication,
          .conversation = conversation,
          .json = Frame("event", conversation, JsonOf(data))};
}

}  // namespace

Result FromDjango(const Uuid& conversation, const Value& message, const AllowedTypes& application,
                  Timestamp now) {
  const auto type = message.TextAt("type");
  if (!type || HandlerOf(*type).empty()) return Discarded::kMalformed;
  if (application.Contain(*type)) return Application(message, *type, conversation);
  return Translator(conversation, message, now).Translate(HandlerOf(*type));
}

Result FromDjango(const UserId& to_user, const Value& message, const AllowedTypes& application) {
  const auto type = message.TextAt("type");
  if (!type || HandlerOf(*type).empty()) return Discarded::kMalformed;
  if (!application.Contain(*type)) return Discarded::kIgnored;
  DjangoEvent event = Application(message, *type, std::nullopt);
  event.to_user = to_user;
  return event;
}

}  // namespace parley::django

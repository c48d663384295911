#include "feature/conversations/summary.h"

#include <charconv>

#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/objects.h"

namespace parley {
namespace {

constexpr size_t kMostParticipants = 100;
constexpr size_t kMostAttachments = 100;
constexpr size_t kMostMetadata = 1024 * 1024;  // of an entry, which is shorter

std::optional<uint64_t> ParseEpoch(std::string_view text) {
  uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return epoch;
}

// Reads the fields of an object that SummaryJson wrote; `good` becomes false if one is missing.
class Fields {
 public:
  explicit Fields(const JsonObject& object) : object_(object), fields_(object) {}

  Uuid Id(std::string_view name) { return Required(fields_.Id(name)); }
  int64_t Int(std::string_view name) { return Required(fields_.Integer(name)); }
  std::string Text(std::string_view name) { return std::string(Required(fields_.Text(name))); }
  UserId User(std::string_view name) { return Required(fields_.User(name)); }
  Timestamp Time(std::string_view name) { return Required(OptionalTime(name)); }
  std::string Metadata() { return fields_.Metadata("metadata", kMostMetadata); }
  std::optional<Uuid> OptionalId(std::string_view name) { return fields_.Id(name); }
  std::optional<UserId> OptionalUser(std::string_view name) { return fields_.User(name); }
  std::optional<std::string> OptionalText(std::string_view name) {
    const auto text = fields_.Text(name);
    if (!text) return std::nullopt;
    return std::string(*text);
  }
  std::optional<Timestamp> OptionalTime(std::string_view name) {
    const auto text = fields_.Text(name);
    if (!text) return std::nullopt;
    const auto time = ParseTimestamp(*text);
    if (!time) missing_ = true;
    return time;
  }
  std::vector<UserId> Users(std::string_view name) {
    return Required(fields_.Users(name, kMostParticipants));
  }
  // An object inside; nullopt if absent.
  std::optional<JsonObject> Object(std::string_view name) {
    const auto object = fields_.Object(name);
    if (!object) return std::nullopt;
    return JsonObject(*object, object_.Raw(name), JsonSource::kFrame);
  }
  bool good() const { return !missing_ && !fields_.error(); }

 private:
  template <class T>
  T Required(std::optional<T> value) {
    if (!value) missing_ = true;
    return value ? *std::move(value) : T{};
  }

  const JsonObject& object_;
  FieldReader fields_;
  bool missing_ = false;
};

std::optional<Attachment> ParseAttachment(const JsonObject& object) {
  Fields fields(object);
  Attachment attachment{.id = fields.Id("id"),
                        .filename = fields.Text("filename"),
                        .content_type = fields.Text("content_type"),
                        .file_size = fields.Int("file_size"),
                        .uploaded_by = fields.User("uploaded_by_id"),
                        .uploaded_at = fields.Time("uploaded_at"),
                        .message_id = fields.OptionalId("message_id"),
                        .metadata = fields.Metadata()};
  if (!fields.good()) return std::nullopt;
  return attachment;
}

std::optional<Message> ParseMessage(const JsonObject& object) {
  Fields fields(object);
  Message message{.id = fields.Id("id"),
                  .conversation_id = fields.Id("conversation_id"),
                  .seq = fields.Int("seq"),
                  .sender_id = fields.OptionalUser("sender_id"),
                  .content = fields.Text("content"),
                  .content_type = fields.Text("content_type"),
                  .sent_at = fields.Time("sent_at"),
                  .delivered_at = fields.OptionalTime("delivered_at"),
                  .read_at = fields.OptionalTime("read_at"),
                  .edited_at = fields.OptionalTime("edited_at"),
                  .deleted_at = fields.OptionalTime("deleted_at"),
                  .reply_to = fields.OptionalId("reply_to"),
                  .metadata = fields.Metadata(),
                  .client_id = fields.OptionalText("client_id")};
  if (!fields.good()) return std::nullopt;
  return message;
}

}  // namespace

// Attachments are members of an object, "0", "1" and so on, so that JsonObject finds the text of each.
std::string SummaryJson(const Uuid& conversation, const Summary& summary) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field("conversation_id", conversation);
  json.Field("seq", summary.seq);
  json.Field("changed", summary.changed);
  json.Field("epoch", std::to_string(summary.epoch));
  json.Key("participants");
  json.BeginArray();
  for (const UserId& user : summary.participants) json.String(user);
  json.EndArray();
  json.Key("last_message");
  if (summary.last_message) {
    Message message = *summary.last_message;
    const std::vector<Attachment> attachments = std::exchange(message.attachments, {});
    std::string text;
    AppendMessage(text, message);
    json.Raw(text);
    json.Key("attachments");
    json.BeginObject();
    for (size_t i = 0; i < attachments.size(); ++i) {
      text.clear();
      AppendAttachment(text, attachments[i]);
      json.Key(std::to_string(i));
      json.Raw(text);
    }
    json.EndObject();
  } else {
    json.Null();
  }
  json.EndObject();
  return out;
}

std::optional<Summary> ParseSummary(JsonReader& reader, std::string_view json,
                                    const Uuid& conversation) {
  const Result<JsonObject> object = reader.ParseObject(json);
  if (!object) return std::nullopt;
  Fields fields(*object);
  Summary summary{.seq = fields.Int("seq"),
                  .changed = fields.Int("changed"),
                  .participants = fields.Users("participants")};
  const auto epoch = ParseEpoch(fields.Text("epoch"));
  const bool same = fields.Id("conversation_id") == conversation;
  if (!fields.good() || !epoch || !same) return std::nullopt;
  summary.epoch = *epoch;
  const auto last = fields.Object("last_message");
  if (!last) return summary;
  summary.last_message = ParseMessage(*last);
  const auto attachments = fields.Object("attachments");
  if (!summary.last_message || !attachments) return std::nullopt;
  if (summary.last_message->conversation_id != conversation) return std::nullopt;
  Fields files(*attachments);
  for (size_t i = 0; i < kMostAttachments; ++i) {
    const auto file = files.Object(std::to_string(i));
    if (!file) break;
    auto attachment = ParseAttachment(*file);
    if (!attachment) return std::nullopt;
    summary.last_message->attachments.push_back(*std::move(attachment));
  }
  return summary;
}

}  // namespace parley

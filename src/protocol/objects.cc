#include "protocol/objects.h"

#include <charconv>
#include <cstring>

#include "protocol/json_writer.h"

namespace parley {
namespace {

constexpr std::string_view kHistoryStart = "{\"messages\":[";

// A run of names and of values whose lengths are bounded, which is appended at once: most of a message consists of
// them. The caller keeps the sum within kMost.
class FixedJson {
 public:
  template <size_t kSize>
  FixedJson& Text(const char (&literal)[kSize]) {
    std::memcpy(at_, literal, kSize - 1);
    at_ += kSize - 1;
    return *this;
  }
  FixedJson& Value(const Uuid& id) {
    *at_ = '"';
    at_ = WriteUuid(at_ + 1, id);
    return Text("\"");
  }
  FixedJson& Value(Timestamp time) {
    *at_ = '"';
    at_ = WriteTimestamp(at_ + 1, time);
    return Text("\"");
  }
  FixedJson& Value(int64_t number) {
    at_ = std::to_chars(at_, std::end(text_), number).ptr;
    return *this;
  }
  template <class T>
  FixedJson& Value(const std::optional<T>& value) {
    return value ? Value(*value) : Text("null");
  }
  void AppendTo(std::string& out) const { out.append(text_, static_cast<size_t>(at_ - text_)); }

 private:
  static constexpr size_t kMost = 384;
  char text_[kMost];
  char* at_ = text_;
};

void AppendStringOrNull(std::string& out, const std::optional<std::string>& text) {
  if (text) return AppendJsonString(out, *text);
  out += "null";
}

void WriteAttachment(JsonWriter& json, const Attachment& attachment) {
  json.BeginObject();
  json.Field("id", attachment.id);
  json.Field("filename", std::string_view(attachment.filename));
  json.Field("content_type", std::string_view(attachment.content_type));
  json.Field("file_size", attachment.file_size);
  json.Field("file_path", std::string_view(StoredName(attachment.id)));
  json.Field("file_url", std::string_view(ContentPath(attachment.id) + attachment.link_query));
  json.Field("uploaded_by_id", std::string_view(attachment.uploaded_by));
  json.Field("uploaded_at", attachment.uploaded_at);
  json.Field("message_id", attachment.message_id);
  json.Key("metadata");
  json.Raw(attachment.metadata);
  json.EndObject();
}

}  // namespace

void AppendAttachment(std::string& out, const Attachment& attachment) {
  JsonWriter json(out);
  WriteAttachment(json, attachment);
}

// The order of the members is that of the guide's serializer.
void AppendMessage(std::string& out, const Message& message) {
  FixedJson ids;
  ids.Text("{\"id\":").Value(message.id);
  ids.Text(",\"conversation_id\":").Value(message.conversation_id);
  ids.Text(",\"seq\":").Value(message.seq).Text(",\"sender_id\":");
  ids.AppendTo(out);
  AppendStringOrNull(out, message.sender_id);
  out += ",\"content\":";
  AppendJsonString(out, message.content);
  out += ",\"content_type\":";
  AppendJsonString(out, message.content_type);
  FixedJson times;
  times.Text(",\"sent_at\":").Value(message.sent_at);
  times.Text(",\"delivered_at\":").Value(message.delivered_at);
  times.Text(",\"read_at\":").Value(message.read_at);
  times.Text(",\"edited_at\":").Value(message.edited_at);
  times.Text(",\"deleted_at\":").Value(message.deleted_at);
  times.Text(",\"reply_to\":").Value(message.reply_to);
  times.Text(",\"reactions\":{},\"attachments\":");
  times.AppendTo(out);
  JsonWriter json(out);
  json.BeginArray();
  for (const Attachment& attachment : message.attachments) WriteAttachment(json, attachment);
  json.EndArray();
  out += ",\"metadata\":";
  JsonWriter(out).Raw(message.metadata);
  out += ",\"client_id\":";
  AppendStringOrNull(out, message.client_id);
  out += '}';
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

void AddToHistory(std::string& out, const Message& message) {
  out += out.empty() ? kHistoryStart : std::string_view(",");
  AppendMessage(out, message);
}

void EndHistory(std::string& out, const Message* last, bool has_more) {
  if (out.empty()) out += kHistoryStart;
  out += "],\"next_cursor\":";
  if (has_more && last != nullptr) {
    out += '"';
    AppendUuid(out, last->id);
    out += '"';
  } else {
    out += "null";
  }
  out += has_more ? ",\"has_more\":true}" : ",\"has_more\":false}";
}

void AppendHistory(std::string& out, const std::vector<Message>& messages, bool has_more) {
  std::string history;
  for (const Message& message : messages) AddToHistory(history, message);
  EndHistory(history, messages.empty() ? nullptr : &messages.back(), has_more);
  out += history;
}

}  // namespace parley

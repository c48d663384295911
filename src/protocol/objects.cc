#include "protocol/objects.h"

#include "protocol/json_writer.h"

namespace parley {
namespace {

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

}  // namespace parley

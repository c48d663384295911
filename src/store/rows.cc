#include "store/rows.h"

namespace parley {

std::optional<Timestamp> TimeAt(const Statement& row, int at) {
  if (row.IsNull(at)) return std::nullopt;
  return Timestamp{row.Int(at)};
}

namespace {

std::optional<std::string> TextAt(const Statement& row, int at) {
  if (row.IsNull(at)) return std::nullopt;
  return std::string(row.Text(at));
}

// A database that Parley took over can accept NULL.
std::string_view MetadataAt(const Statement& row, int at) {
  return row.IsNull(at) ? std::string_view("{}") : row.Text(at);
}

void ReadText(std::optional<std::string>& text, const Statement& row, int at) {
  if (row.IsNull(at)) return text.reset();
  if (!text) text.emplace();
  text->assign(row.Text(at));
}

}  // namespace

Message MessageFrom(const Statement& row) {
  Message message;
  ReadInto(message, row);
  return message;
}

void ReadInto(Message& message, const Statement& row) {
  message.id = row.Id(0);
  message.conversation_id = row.Id(1);
  message.seq = row.Int(2);
  ReadText(message.sender_id, row, 3);
  message.content_type = row.Text(5);
  message.sent_at = {row.Int(6)};
  message.delivered_at = TimeAt(row, 7);
  message.read_at = TimeAt(row, 8);
  message.edited_at = TimeAt(row, 9);
  message.deleted_at = TimeAt(row, 10);
  if (message.deleted_at) {
    message.content.clear();
    message.client_id.reset();  // the row keeps it, so that a retry of the send is recognized
  } else {
    message.content = row.Text(4);
    ReadText(message.client_id, row, 13);
  }
  message.reply_to.reset();
  if (!row.IsNull(11)) message.reply_to = row.Id(11);
  message.metadata = MetadataAt(row, 12);
  message.attachments.clear();
  message.attachments.resize(static_cast<size_t>(row.Int(14)));
}

Member MemberFrom(const Statement& row) {
  return {.user = std::string(row.Text(0)),
          .role = static_cast<Role>(row.Int(1)),
          .joined_at = {row.Int(2)},
          .last_read_seq = row.Int(3),
          .last_read_at = TimeAt(row, 4)};
}

Conversation ConversationFrom(const Statement& row) {
  Conversation conversation;
  conversation.id = row.Id(0);
  conversation.type = ParseConversationType(row.Text(1)).value_or(ConversationType::kGroup);
  conversation.title = TextAt(row, 2);
  conversation.created_at = {row.Int(3)};
  conversation.last_message_at = TimeAt(row, 4);
  conversation.metadata = MetadataAt(row, 5);
  conversation.seq = row.Int(6);
  conversation.participant_count = row.Int(7);
  return conversation;
}

}  // namespace parley

// Converts rows to values, for columns in the order of queries.h.
#pragma once
#include "domain/conversation.h"
#include "domain/message.h"
#include "store/sql_session.h"

namespace parley {

// Reads PARLEY_MESSAGE_COLUMNS from column 0. The message has the right number of attachments, but empty
// ones: see FillAttachments.
Message MessageFrom(const Statement& row);
// The same into a message that was used before, whose memory is used again.
void ReadInto(Message& message, const Statement& row);
Conversation ConversationFrom(const Statement& row);  // PARLEY_CONVERSATION_COLUMNS, no members
Member MemberFrom(const Statement& row);              // user_id, role, joined_at, last_read_*
// nullopt for NULL.
std::optional<Timestamp> TimeAt(const Statement& row, int at);
constexpr int kMessageColumns = 15;
constexpr int kConversationColumns = 8;
constexpr int kMemberColumns = 5;

}  // namespace parley

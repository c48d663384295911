// Rows to values, for columns in the order of queries.h.
#pragma once
#include "domain/conversation.h"
#include "domain/message.h"
#include "store/sql_session.h"

namespace parley {

// PARLEY_MESSAGE_COLUMNS from column 0. It has as many attachments as it should, but empty ones:
// see FillAttachments.
Message MessageFrom(const Statement& row);
Conversation ConversationFrom(const Statement& row);  // PARLEY_CONVERSATION_COLUMNS, no members
Member MemberFrom(const Statement& row);              // user_id, role, joined_at, last_read_*
constexpr int kMessageColumns = 15;
constexpr int kConversationColumns = 8;
constexpr int kMemberColumns = 5;

}  // namespace parley

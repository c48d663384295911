// The JSON of messages, attachments and conversations, in frames and in REST responses. Each function
// appends one JSON value to `out`.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/conversation.h"
#include "domain/message.h"

namespace parley {

void AppendMessage(std::string& out, const Message& message);
void AppendAttachment(std::string& out, const Attachment& attachment);
// {messages, next_cursor, has_more}
void AppendHistory(std::string& out, const std::vector<Message>& messages, bool has_more);
// The same piece by piece: each message, to an empty text the first; then the end (`last` may be null).
void AddToHistory(std::string& out, const Message& message);
void EndHistory(std::string& out, const Message* last, bool has_more);

// The fields of a conversation that differ by reader; frames omit them.
struct ReaderPart {
  int64_t unread_count = 0;
  const Message* last_message = nullptr;
};
enum class MemberList { kIdsOnly, kWithMembers };  // the detail route includes members
void AppendConversation(std::string& out, const Conversation& conversation,
                        const std::optional<ReaderPart>& reader = std::nullopt,
                        MemberList members = MemberList::kIdsOnly);

// [member, …] with role and read mark.
void AppendMembers(std::string& out, const std::vector<Member>& members);

}  // namespace parley

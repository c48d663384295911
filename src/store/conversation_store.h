// Creating, finding and listing conversations and their members.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/answer.h"
#include "base/clock.h"
#include "base/executor.h"
#include "domain/conversation.h"
#include "store/head_store.h"

namespace parley {

struct NewConversation {
  Uuid id;
  ConversationType type = ConversationType::kGroup;
  std::optional<std::string> title;
  std::string metadata = "{}";
  std::optional<std::string> task_id = {};  // for a task conversation
  bool by_service = false;                  // a service creates it
  UserId creator;                           // becomes owner; also in `participants`
  std::vector<UserId> participants;         // distinct, creator first
};

struct CreatedConversation {
  Conversation conversation;
  bool created = true;  // false: the conversation of this pair or task existed already
};

struct PageOfConversations {
  std::vector<ConversationView> conversations;
  bool has_more = false;
};

// The last conversation of the previous page.
struct ConversationCursor {
  Timestamp activity;  // last_message_at, else created_at
  Uuid id;
};

struct PageOfMembers {
  std::vector<Member> members;
  bool has_more = false;
};

// The last member of the previous page.
struct MemberCursor {
  Timestamp joined_at;
  UserId user;
};

// Threads and common errors: store/store.h.
class ConversationStore {
 public:
  virtual ~ConversationStore() = default;
  // The seq stays 0, and the read marks of all participants start there. There is one direct
  // conversation per pair and one task conversation per task_id. A service takes a task_id over: if it
  // creates the conversation of a task, and the existing one was not created by a service and lacks
  // one of the two participants, then the existing one no longer belongs to the task.
  virtual void CreateConversation(NewConversation conversation, Executor& on,
                                  Answer<CreatedConversation> done) = 0;
  // Errors: not_found, also for a reader who is not a participant (unless as_service).
  virtual void FindTask(std::string task_id, UserId reader, bool as_service, Executor& on,
                        Answer<Uuid> done) = 0;
  // Sorted by join time. Errors: not_found, as HeadStore::ReadConversation.
  virtual void ListMembers(Uuid conversation, UserId reader, bool as_service, int limit,
                           std::optional<MemberCursor> after, Executor& on,
                           Answer<PageOfMembers> done) = 0;
  // Newest activity first. `limit`: at least 1.
  virtual void ListConversations(UserId reader, int limit, std::optional<ConversationCursor> after,
                                 Executor& on, Answer<PageOfConversations> done) = 0;
};

}  // namespace parley

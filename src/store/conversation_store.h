// Creating, finding and listing conversations and their members.
#pragma once
#include <optional>
#include <string>
#include <utility>
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

// The last conversation of the previous page.
struct ConversationCursor {
  Timestamp activity;  // last_message_at, else created_at
  Uuid id;
};

struct PageOfConversations {
  std::vector<ConversationView> conversations;
  bool has_more = false;
  ConversationCursor last;  // of the page, for the next one
};

// A conversation in a list, without the parts that a cache can have.
struct ListedConversation {
  Conversation conversation;  // without members
  int64_t changed = 0;        // as in UserConversationHead
  int64_t read_mark = 0;      // of the reader
};

struct PageOfListed {
  std::vector<ListedConversation> conversations;
  bool has_more = false;
  ConversationCursor last;
  uint64_t epoch = 0;  // of the store
};

// The parts of listed conversations that a caller lacks.
struct ListParts {
  std::vector<Uuid> whole;  // conversations
  // Conversations whose unread count is enough, unless they have changed since this position.
  std::vector<std::pair<Uuid, int64_t>> unread;
  std::vector<Uuid> stamps;  // messages whose delivered_at and read_at are wanted
};

struct FoundParts {
  struct Part {
    ConversationView view;
    int64_t changed = 0;
    int64_t read_mark = 0;  // of the reader; the unread count is that after it
    bool whole = true;      // false: `view` has no members and no last message
  };
  struct Stamps {
    Uuid message;
    std::optional<Timestamp> delivered_at, read_at;
  };
  std::vector<Part> parts;  // those of `whole` and `unread` that the reader is in
  std::vector<Stamps> stamps;
  uint64_t epoch = 0;
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
  // The two steps of ListConversations for a caller with a cache: the rows, then what the cache lacks.
  virtual void ListRows(UserId reader, int limit, std::optional<ConversationCursor> after,
                        Executor& on, Answer<PageOfListed> done) = 0;
  virtual void FindParts(UserId reader, ListParts wanted, Executor& on,
                         Answer<FoundParts> done) = 0;
};

}  // namespace parley

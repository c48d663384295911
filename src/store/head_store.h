// Heads: how far conversations have come, and who takes part in them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/conversation.h"
#include "domain/message.h"

namespace parley {

// The data that a home shard needs to serve a conversation.
struct ConversationHead {
  int64_t seq = 0;
  uint64_t epoch = 0;   // of the store: see SqlSession::Epoch
  int64_t changed = 0;  // as in UserConversationHead
  ConversationType type = ConversationType::kGroup;
  int64_t participant_count = 0;
  // All participants if participant_count is at most the requested limit, otherwise empty.
  std::vector<UserId> participants;
};

struct LoadedHead {
  Uuid conversation;
  ConversationHead head;
};

// The head of one of a user's conversations.
struct UserConversationHead {
  Uuid conversation_id;
  int64_t seq = 0;
  uint64_t epoch = 0;   // of the store: see SqlSession::Epoch
  int64_t changed = 0;  // position of the transaction that took this seq; 0: unknown
};

struct UserConversations {
  std::vector<UserConversationHead> heads;  // newest activity first
  // A later call with this cursor returns what changed since, and may repeat changes made shortly
  // before.
  int64_t cursor = 0;
  uint64_t epoch = 0;  // of the store; cursors of different epochs cannot be compared
};

// A conversation as one of its participants reads it.
struct ConversationView {
  Conversation conversation;
  int64_t unread_count = 0;             // at most 1,000
  std::optional<Message> last_message;  // the newest message that is not deleted
};

// Threads and common errors: store/store.h.
class HeadStore {
 public:
  virtual ~HeadStore() = default;
  // Errors: not_found.
  virtual void LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                        Answer<ConversationHead> done) = 0;
  // Loads many heads in one snapshot and a few statements; omits conversations that do not exist.
  virtual void LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                         Answer<std::vector<LoadedHead>> done) = 0;
  // Reads the seqs of these conversations; omits conversations that do not exist.
  virtual void ListHeads(std::vector<Uuid> conversations, Executor& on,
                         Answer<std::vector<UserConversationHead>> done) = 0;
  // Lists the user's conversations; with since_cursor only those that changed since. A cursor that is
  // not from this store is ignored.
  virtual void ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                             Answer<UserConversations> done) = 0;
  // False also if the conversation does not exist.
  virtual void IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) = 0;
  // Errors: not_found, also for a reader who is not a participant (unless as_service).
  virtual void ReadConversation(Uuid conversation, UserId reader, bool as_service, Executor& on,
                                Answer<ConversationView> done) = 0;
};

}  // namespace parley

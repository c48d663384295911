// Reading messages: pages of history, and single messages.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/message.h"

namespace parley {

struct PageOfMessages {
  std::vector<Message> messages;
  bool has_more = false;
};

struct HistoryQuery {
  Uuid conversation_id;
  UserId reader;
  bool as_service = false;  // skip the membership check
  int limit = 50;
  std::optional<Uuid> before_id;     // newest first, older than this message
  std::optional<int64_t> after_seq;  // instead: oldest first, deleted messages included
  bool include_deleted = false;
};

// Threads and common errors: store/store.h.
class MessageStore {
 public:
  virtual ~MessageStore() = default;
  // Errors: not_found, as HeadStore::ReadConversation; invalid_field (before_id is not a message of the
  // conversation).
  virtual void ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) = 0;
  // Errors: not_found, as HeadStore::ReadConversation.
  virtual void ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                           Answer<Message> done) = 0;
};

}  // namespace parley

// Reading messages: pages of history, and single messages.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/answer.h"
#include "base/bytes.h"
#include "base/executor.h"
#include "domain/message.h"
#include "store/conversation_versions.h"

namespace parley {

// Writes a page of history in the form that clients get, on the thread that reads it.
struct HistoryFormat {
  void (*add)(std::string& out, const Message& message);  // `out` is empty before the first one
  void (*end)(std::string& out, const Message* last, bool has_more);  // null: no messages
};

// Consecutive messages of a page from one sender, without `delivered_at`.
struct UndeliveredRun {
  int64_t first = 0, last = 0;  // seq
  UserId sender;
};

struct PageOfMessages {
  std::vector<Message> messages;
  bool has_more = false;
  // The conversation's version before the snapshot of the page; empty if the store has none.
  std::optional<ConversationVersions::Version> version = {};
  // The page in the query's format, unless a message of it has attachments. If it is set, `messages` is empty.
  SharedBytes formatted = {};
  std::vector<UndeliveredRun> undelivered = {};  // of a formatted page
};

struct HistoryQuery {
  Uuid conversation_id;
  UserId reader;
  bool as_service = false;  // skip the membership check
  int limit = 50;
  std::optional<Uuid> before_id;     // newest first, older than this message
  std::optional<int64_t> after_seq;  // instead: oldest first, deleted messages included
  bool include_deleted = false;
  const HistoryFormat* format = nullptr;  // if set: see PageOfMessages::formatted
};

// Threads and common errors: store/store.h.
class MessageStore {
 public:
  virtual ~MessageStore() = default;
  // Errors: not_found, as HeadStore::ReadConversation; invalid_field (before_id is not a message of the
  // conversation).
  virtual void ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) = 0;
  // The versions of conversations, if this process alone writes to the store; otherwise null. Threads: any.
  virtual const ConversationVersions* Versions() const { return nullptr; }
  // Errors: not_found, as HeadStore::ReadConversation.
  virtual void ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                           Answer<Message> done) = 0;
};

}  // namespace parley

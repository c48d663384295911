// Read marks: how far each participant has read, and how many messages are unread.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/conversation.h"

namespace parley {

// The result of marking messages as read.
struct ReadMarks {
  struct Receipt {
    Uuid conversation;
    int64_t up_to_seq = 0;       // the mark now
    std::vector<Uuid> messages;  // the named messages of this conversation
    int64_t participants = 0;    // number of participants of the conversation
  };
  int64_t up_to_seq = 0;          // MarkRead: the mark now
  int64_t updated = 0;            // named messages that were unread
  std::vector<Receipt> receipts;  // one per named conversation, even if its mark did not move
};

// Threads and common errors: store/store.h.
class ReceiptStore {
 public:
  virtual ~ReceiptStore() = default;
  // Moves the reader's mark forward to a seq, never back, and returns where it is then.
  // Errors: not_found, invalid_field (the seq is beyond the head).
  virtual void MarkRead(Uuid conversation, UserId reader, int64_t up_to_seq, Executor& on,
                        Answer<ReadMarks> done) = 0;
  // Moves the reader's mark in each conversation to the highest of the messages named there. Skips
  // messages that do not exist, that the reader cannot read, or that are not in `only`.
  virtual void MarkMessagesRead(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only,
                                Executor& on, Answer<ReadMarks> done) = 0;
  // Counts messages after the reader's marks that are not deleted and not the reader's own, in one
  // conversation or in all; at most 1,000. Errors: not_found.
  virtual void CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                           Answer<int64_t> done) = 0;
};

}  // namespace parley

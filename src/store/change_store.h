// Changes of conversations, each with its seq: how a home shard stores them and reads them back.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/change.h"

namespace parley {

struct ChangesSince {
  std::vector<Change> changes;  // ascending seq, all > since; retention leaves holes
  int64_t through = 0;          // every seq in (since, through] is in `changes` or was removed
  int64_t head = 0;             // of the conversation, in the same snapshot
  uint64_t epoch = 0;           // of the store: see SqlSession::Epoch
};

// Changes of another writer that now have seqs.
struct Adopted {
  int64_t head = 0;     // of the conversation; 0: nothing was adopted
  int64_t changes = 0;  // adopted
  uint64_t epoch = 0;   // of the store
  bool more = false;    // there are further changes
};

// Threads and common errors: store/store.h.
class ChangeStore {
 public:
  virtual ~ChangeStore() = default;
  // Takes the next seq of the conversation and inserts the message in one transaction; the same
  // statement checks that the sender is a participant. A repeat of (sender, conversation, client_id)
  // returns the first message with `duplicate`.
  // Errors: not_participant (also if the conversation does not exist), client_id_reused, invalid_field
  // (reply_to is not a message of this conversation; an attachment is not the sender's, or is attached
  // to a message already).
  virtual void InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) = 0;
  // Edits and deletes messages, and changes conversations and their members: takes the next seq unless
  // the change has no effect. The same transaction checks permissions (domain/permissions.h).
  // Errors: not_found (the conversation or message does not exist, or the actor is not a participant),
  // forbidden, invalid_field, bad_request (not for a conversation of this type).
  virtual void Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) = 0;
  // Numbers the changes that another writer made to a conversation (Django's ORM, in a store that
  // IsTakenOver), a limited number of them. They can then be read like other changes. Without changes, for
  // instance after another node has adopted them, nothing happens.
  virtual void Adopt(Uuid conversation, Executor& on, Answer<Adopted> done) = 0;
  // Deletes the conversation for all participants at once. The background removes its rows in batches.
  // Errors: not_found, forbidden.
  virtual void DeleteConversation(Uuid conversation, UserId actor, bool as_service, Executor& on,
                                  Answer<void> done) = 0;
  // Reads at most `limit` changes with seq > since: at least one if there is one, then more while
  // their contents together are below `max_bytes`. Does not check membership; the hub has done so.
  // Errors: not_found.
  virtual void ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes,
                           Executor& on, Answer<ChangesSince> done) = 0;
};

}  // namespace parley

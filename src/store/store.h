// The store: the only truth (P8). One interface, one SQL implementation over a thin driver.
//
// Threads: every call comes from a shard and is answered once, on that shard (`Executor`), never
// inside the call. Writes go through group commit: a write's answer means that its transaction is
// on disk (P1), and answers of one batch arrive in commit order in one post.
//
// Errors, of any call: `store_unavailable` (nothing was stored), `outcome_unknown` (writes: it may
// have been), plus those named at each call.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/access_change.h"
#include "domain/attachment.h"
#include "domain/change.h"
#include "domain/conversation.h"
#include "domain/message.h"
#include "domain/revocation.h"

namespace parley {

struct NewConversation {
  Uuid id;
  ConversationType type = ConversationType::kGroup;
  std::optional<std::string> title;
  std::string metadata = "{}";
  std::optional<std::string> task_id = {};  // of a task conversation
  bool by_service = false;                  // a service opens it
  UserId creator;                           // becomes owner; in `participants` too
  std::vector<UserId> participants;         // distinct, creator first
};

struct CreatedConversation {
  Conversation conversation;
  bool created = true;  // false: this pair's, or this task's, was there already
};

// A conversation as one of its participants sees it in a list.
struct ConversationView {
  Conversation conversation;
  int64_t unread_count = 0;             // stops at 1,000
  std::optional<Message> last_message;  // the newest that is not deleted
};

// What a home shard must know of a conversation before it can serve it.
struct ConversationHead {
  int64_t seq = 0;
  uint64_t epoch = 0;   // of the store that said so: see SqlSession::Epoch
  int64_t changed = 0;  // as in UserConversationHead
  ConversationType type = ConversationType::kGroup;
  int64_t participant_count = 0;
  std::vector<UserId>
      participants;  // all of them when participant_count <= the limit asked for, else none
};

struct LoadedHead {
  Uuid conversation;
  ConversationHead head;
};

struct PageOfConversations {
  std::vector<ConversationView> conversations;
  bool has_more = false;
};

// Where a page of the caller's conversations starts: after this one.
struct ConversationCursor {
  Timestamp activity;  // last_message_at, else created_at
  Uuid id;
};

struct PageOfMembers {
  std::vector<Member> members;
  bool has_more = false;
};

// Where a page of members starts: after this one.
struct MemberCursor {
  Timestamp joined_at;
  UserId user;
};

// The result of marking messages as read.
struct ReadMarks {
  struct Receipt {
    Uuid conversation;
    int64_t up_to_seq = 0;       // where the mark is now
    std::vector<Uuid> messages;  // those named there
    int64_t participants = 0;    // how many the conversation has
  };
  int64_t up_to_seq = 0;          // MarkRead: where the mark is now
  int64_t updated = 0;            // messages named that were unread
  std::vector<Receipt> receipts;  // of each conversation named, also if its mark did not move
};

struct Seen {
  UserId user;
  std::optional<Timestamp> last_seen;
};

struct FoundAttachment {
  Attachment attachment;
  std::optional<Uuid> conversation_id;  // of its message
};

struct PageOfMessages {
  std::vector<Message> messages;
  bool has_more = false;
};

struct HistoryQuery {
  Uuid conversation_id;
  UserId reader;
  bool as_service = false;  // no membership asked
  int limit = 50;
  std::optional<Uuid> before_id;     // newest first, older than this message
  std::optional<int64_t> after_seq;  // instead: oldest first, deleted ones included
  bool include_deleted = false;
};

struct ChangesSince {
  std::vector<Change> changes;  // ascending seq, all > since; a hole is what retention removed
  int64_t through = 0;          // every seq in (since, through] is in `changes` or was removed
  int64_t head = 0;             // of the conversation, in the same snapshot
  uint64_t epoch = 0;           // of the store: see SqlSession::Epoch
};

// The head of one of a user's conversations.
struct UserConversationHead {
  Uuid conversation_id;
  int64_t seq = 0;
  uint64_t epoch = 0;   // of the store that said so: see SqlSession::Epoch
  int64_t changed = 0;  // position of the transaction that took this seq; 0: not known
};

struct ChangedHeads {
  std::vector<UserConversationHead> heads;  // of conversations that are there
  LogPage page;
};

struct UserConversations {
  std::vector<UserConversationHead> heads;  // newest activity first
  // Pass it back to hear of what changed since, and perhaps of some that did so shortly before.
  int64_t cursor = 0;
  uint64_t epoch = 0;  // of the store: positions of another one mean nothing here
};

// How urgent a read is (store/reader_pool.h).
enum class ReadClass : uint8_t { kCritical, kInteractive, kBulk };
inline constexpr std::array kReadClasses = {"critical", "interactive", "bulk"};

// Of one class of reads, for /metrics.
struct ReadStats {
  uint64_t queued = 0;        // now
  uint64_t refused_full = 0;  // its queue was full
  uint64_t refused_late = 0;  // it had waited for longer than its asker does
};

// What waits in memory to be written in the background, for /metrics.
struct BufferStats {
  uint64_t queued = 0;   // now
  uint64_t dropped = 0;  // or refused, because the buffer was full
};

// What group commit did, for /metrics. Counters only grow.
struct StoreStats {
  uint64_t commits = 0;
  uint64_t committed_writes = 0;
  double commit_seconds = 0;    // sum over commits, fsync included
  uint64_t queued_writes = 0;   // now
  uint64_t refused_writes = 0;  // queue full
  uint64_t statements = 0;
  uint64_t round_trips = 0;                          // to a database at the end of a wire
  uint64_t reads_that_waited = 0;                    // for a connection
  std::array<ReadStats, kReadClasses.size()> reads;  // by ReadClass
  BufferStats deliveries, read_marks, read_stamps, seen;
};

class Store {
 public:
  virtual ~Store() = default;

  // --- writes, through group commit

  // Takes the next seq of the conversation and inserts the message in one transaction, the
  // participant checked in the same statement. A repeat of (sender, conversation, client_id)
  // answers the first message with `duplicate`.
  // Errors: not_participant (also when there is no such conversation), client_id_reused,
  // invalid_field (reply_to is no message of this conversation; an attachment is not the sender's,
  // or belongs to a message already).
  virtual void InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) = 0;

  // Seq stays 0; read marks of all participants start there. A direct one exists once per pair, a
  // task's once per task_id. A service wins over who squatted: where it opens a task's conversation
  // and the one that is there was opened by no service and lacks one of the two participants, that one
  // is no longer the task's.
  virtual void CreateConversation(NewConversation conversation, Executor& on,
                                  Answer<CreatedConversation> done) = 0;

  // Edits, deletes, changes of a conversation and of who is in it: takes the next seq unless the
  // effect is there already. Permissions are checked in the same transaction (domain/permissions.h).
  // Errors: not_found (no such conversation or message, or the actor is not in it), forbidden,
  // invalid_field, bad_request (not in a conversation of this type).
  virtual void Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) = 0;

  // Gone for all at once; its rows are removed afterwards, piece by piece.
  // Errors: not_found, forbidden.
  virtual void DeleteConversation(Uuid conversation, UserId actor, bool as_service, Executor& on,
                                  Answer<void> done) = 0;

  // Moves the reader's mark forward to a seq, never back; answers where it stands now.
  // Errors: not_found, invalid_field (beyond the head).
  virtual void MarkRead(Uuid conversation, UserId reader, int64_t up_to_seq, Executor& on,
                        Answer<ReadMarks> done) = 0;
  // The same, to the highest of the messages named in each conversation. Messages that are not
  // there, or not the reader's to see, or not in `only` are passed over.
  virtual void MarkMessagesRead(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only,
                                Executor& on, Answer<ReadMarks> done) = 0;
  // Messages first shown to somebody else than their sender: written within seconds, in the
  // background; lost with the process. Any thread.
  virtual void NoteDelivered(const Uuid& conversation, int64_t first_seq, int64_t last_seq) = 0;
  // When a user was last seen; likewise.
  virtual void NoteSeen(const UserId& user, Timestamp at) = 0;

  // Answers with its id. Removes those made before `forget_before` too.
  virtual void Revoke(Revocation revocation, Timestamp forget_before, Executor& on,
                      Answer<Revocation> done) = 0;

  // A file that is stored already. A repeat of (uploader, client_id) answers the first.
  // Errors: client_id_reused (for another file), rate_limited (too many that belong to
  // no message), quota_exceeded.
  virtual void AddAttachment(NewAttachment attachment, AttachmentLimits limits, Executor& on,
                             Answer<StoredAttachment> done) = 0;
  // One that belongs to no message. Errors: not_found (also where it is another's).
  virtual void RemoveAttachment(Uuid attachment, UserId uploader, Executor& on,
                                Answer<void> done) = 0;
  // Those that were uploaded before and belong to no message, some hundreds at a time. Answers how
  // many.
  virtual void ExpireAttachments(Timestamp uploaded_before, Executor& on, Answer<int64_t> done) = 0;
  // These files are no more: they leave the list of ListRemovedFiles.
  virtual void ForgetFiles(std::vector<Uuid> attachments, Executor& on, Answer<void> done) = 0;

  // --- reads, from connections of their own

  // Errors: not_found.
  virtual void LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                        Answer<ConversationHead> done) = 0;
  // The same of many, in one snapshot and a few statements; those that are not there are left out.
  virtual void LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                         Answer<std::vector<LoadedHead>> done) = 0;
  // True when the user is in the conversation now; false too when there is none.
  virtual void IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) = 0;
  // Errors: not_found, also for a reader who is not in it (unless as_service).
  virtual void ReadConversation(Uuid conversation, UserId reader, bool as_service, Executor& on,
                                Answer<ConversationView> done) = 0;
  // Errors: not_found, also for who is not in it.
  virtual void FindTask(std::string task_id, UserId reader, bool as_service, Executor& on,
                        Answer<Uuid> done) = 0;
  // By join time. Errors: not_found, as ReadConversation.
  virtual void ListMembers(Uuid conversation, UserId reader, bool as_service, int limit,
                           std::optional<MemberCursor> after, Executor& on,
                           Answer<PageOfMembers> done) = 0;
  // Newest activity first; limit: at least 1.
  virtual void ListConversations(UserId reader, int limit, std::optional<ConversationCursor> after,
                                 Executor& on, Answer<PageOfConversations> done) = 0;
  // Others' undeleted messages behind the reader's marks, in one conversation or in all; stops at
  // 1,000. Errors: not_found.
  virtual void CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                           Answer<int64_t> done) = 0;
  // Errors: not_found, as ReadConversation; invalid_field (before_id is no message there).
  virtual void ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) = 0;
  // Errors: not_found, as ReadConversation.
  virtual void ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                           Answer<Message> done) = 0;
  // Errors: not_found: not there, or neither the reader's own nor in a conversation of theirs.
  virtual void ReadAttachment(Uuid attachment, UserId reader, bool as_service, Executor& on,
                              Answer<FoundAttachment> done) = 0;
  // Files whose attachment is gone, with its message or alone: to be removed from the disk.
  virtual void ListRemovedFiles(int limit, Executor& on, Answer<std::vector<Uuid>> done) = 0;
  // At most `limit` changes with seq > since: at least one, if there is one, then while their contents
  // together are below `max_bytes`. No membership asked: the hub has done it. Errors: not_found.
  virtual void ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes,
                           Executor& on, Answer<ChangesSince> done) = 0;
  // Those of `asked` who share a conversation with the reader (all of them, for a service).
  virtual void ListSeen(UserId reader, bool as_service, std::vector<UserId> asked, Executor& on,
                        Answer<std::vector<Seen>> done) = 0;
  // Pages of the revocations, of who came into conversations and left them during the last day, and
  // of the heads that have moved: for LogFollower. Heads have no times: without `from` a page has no
  // rows.
  virtual void ListRevocations(LogQuery query, Executor& on, Answer<RevocationList> done) = 0;
  virtual void ListAccessChanges(LogQuery query, Executor& on, Answer<AccessChanges> done) = 0;
  virtual void ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) = 0;
  // The seqs of these conversations; those that are not there are left out.
  virtual void ListHeads(std::vector<Uuid> conversations, Executor& on,
                         Answer<std::vector<UserConversationHead>> done) = 0;
  // Conversations of the user; with since_cursor only those changed since. A cursor that this store
  // cannot have given counts as none.
  virtual void ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                             Answer<UserConversations> done) = 0;

  // --- the store itself

  // Made once with the store: two nodes with different ids do not belong together.
  virtual Uuid Identity() const = 0;
  // A secret of this store, the same on all nodes: signs links to files. Not empty.
  virtual std::string FileKey() const = 0;
  virtual bool Ready() const = 0;  // the last write or probe succeeded
  virtual StoreStats Stats() const = 0;
  // Commits what is queued, answers it, and stops the store's threads. Later calls answer
  // store_unavailable. Any thread; returns when done.
  virtual void Close() = 0;
};

}  // namespace parley

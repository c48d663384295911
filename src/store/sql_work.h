// Helpers that the parts of SqlStore share: a write with a result, and common reads.
#pragma once
#include <functional>
#include <set>

#include "store/conversation_versions.h"
#include "store/queries.h"
#include "store/rows.h"
#include "store/sql_store.h"

namespace parley {

using Now = std::function<Timestamp()>;

// A write that answers with a Result<T>.
template <class T>
class WriteOf : public Write {
 public:
  WriteOf(Executor& on, parley::Answer<T> done) : Write(on), done_(std::move(done)) {}
  void Answer(const Error* failure) final {
    change_.End();
    joins_.clear();
    if (failure != nullptr) return done_(Fail(*failure));
    done_(std::move(result_));
  }

 protected:
  // Call it first in Apply. `versions` may be null.
  void BeginChange(const ConversationVersions* versions, const Uuid& conversation,
                   ConversationVersions::Part part) {
    change_.Begin(versions, conversation, part);
  }

  // The same, for users who join a conversation.
  void BeginJoins(const ConversationVersions* versions, std::span<const UserId> users) {
    if (versions == nullptr || !joins_.empty()) return;
    joins_.resize(users.size());
    for (size_t i = 0; i < users.size(); ++i) {
      joins_[i].Begin(versions, users[i], ConversationVersions::Part::kMessagesAndMembers);
    }
  }

  Result<T> result_ = Fail(ErrorCode::internal, "The write was not applied.");

 private:
  parley::Answer<T> done_;
  ConversationVersions::Change change_;
  std::vector<ConversationVersions::Change> joins_;
};

// Runs `query` once for each item, in as few round trips as the engine allows. The values that
// `bind(statement, item)` binds must live until all statements have run. Reads no rows.
template <class Items, class BindItem>
void RunForEach(SqlSession& session, const Query& query, const Items& items, BindItem bind) {
  constexpr size_t kInATrip = 500;  // their results fit into a socket buffer
  auto pipeline = session.NewPipeline();
  size_t added = 0;
  for (const auto& item : items) {
    if (pipeline == nullptr) {
      Statement& statement = session.Prepare(query);
      bind(statement, item);
      statement.Run();
      continue;
    }
    bind(pipeline->Add(query), item);
    if (++added % kInATrip != 0) continue;
    pipeline->Run();
    pipeline = session.NewPipeline();
  }
  if (pipeline != nullptr) pipeline->Run();
}

// --- upkeep (store/group_commit.h)

inline constexpr auto kUpkeepSoon = std::chrono::milliseconds(200);
// Removes some rows of deleted conversations; returns true if there may be more. `client_ids`: the database
// has their table.
bool RemoveDeletedRows(SqlSession& session, DeletionCursor& cursor, bool client_ids);
// Write at most `limit` entries of a buffer. Rows that other transactions hold locked are skipped and kept.
void WriteMarks(SqlSession& session, ReadMarkBuffer& buffer, size_t limit);
// `begin` is called with the conversation of each range before its messages change.
using BeginStamps = std::function<void(const Uuid& conversation)>;
void StampRead(SqlSession& session, ReadStampBuffer& buffer, size_t limit,
               const BeginStamps& begin);
void StampDelivered(SqlSession& session, DeliveredBuffer& buffer, size_t limit,
                    const BeginStamps& begin);
void WriteSeen(SqlSession& session, LastSeenBuffer& buffer, size_t limit);
// Removes entries of the access log that are older than a day.
void ForgetOldAccessChanges(SqlSession& session, Timestamp now);

// --- inside a transaction

// Reads the attachments of the messages that have any.
void FillAttachments(SqlSession& session, std::span<Message> messages);
void FillAttachments(SqlSession& session, std::span<Message* const> messages);
// nullopt: one of them does not exist, is not this uploader's, or is attached already.
std::optional<std::vector<Attachment>> FindUnattached(SqlSession& session,
                                                      std::span<const Uuid> attachments,
                                                      const UserId& uploader);
// The unattached uploads of a user, from queries::kUnattachedOf.
std::set<Uuid> UnattachedFrom(Statement& rows);
// Adds the files of `named` that are in `unattached`, which they then leave, up to 10 files in all.
void AddNamed(SqlSession& session, std::span<const Uuid> named, std::set<Uuid>& unattached,
              std::vector<Attachment>& attachments);
// Attaches files to a message, the first one at index `place` among its attachments.
void Attach(SqlSession& session, std::span<Attachment> attachments, const Uuid& conversation,
            const Uuid& message, size_t place);
// Stores the number of attachments of a message.
void CountAttachments(SqlSession& session, const Message& message);
// Drop rows; the files are removed from the disk later.
void DropAttachment(SqlSession& session, const Uuid& attachment);
void DropAttachmentsOf(SqlSession& session, const Uuid& message);
// Drops at most `limit` attachments of a conversation; returns false if there were none.
bool DropAttachmentsIn(SqlSession& session, const Uuid& conversation, int64_t limit);

// Returns the ids separated by spaces, which no id contains.
std::string JoinUsers(std::span<const UserId> users);
// Call it before a statement that adds users. Returns false if one of the ids cannot be a user's; if one is not in
// the database's table of users, the statement fails.
bool CheckUsers(SqlSession& session, std::span<const UserId> users);
// Adds rows to the access log, which other nodes follow.
void LogAccess(SqlSession& session, AccessChange::Kind kind, const Uuid& conversation,
               std::span<const UserId> users, Timestamp now);

inline constexpr int kMembersShown = 100;
// Reads the conversation with its first members.
std::optional<Conversation> FindConversation(SqlSession& session, const Uuid& id);
void ReadMembers(SqlSession& session, Conversation& conversation);
// The reader's mark; nullopt if the user is not a participant.
std::optional<int64_t> ReadMark(SqlSession& session, const Uuid& conversation, const UserId& user);
// The only column of the only row; 0 if there is no row.
int64_t NumberFrom(Statement& row);
bool HasOwner(SqlSession& session, const Uuid& conversation);
int64_t UnreadIn(SqlSession& session, const Uuid& conversation, const UserId& reader,
                 int64_t read_mark);

}  // namespace parley

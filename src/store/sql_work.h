// What the parts of SqlStore share: a write with a result, and reads that several verbs begin with.
#pragma once
#include <functional>

#include "store/queries.h"
#include "store/rows.h"
#include "store/sql_store.h"

namespace parley {

using Now = std::function<Timestamp()>;

// A write whose outcome is a Result<T>.
template <class T>
class WriteOf : public Write {
 public:
  WriteOf(Executor& on, parley::Answer<T> done) : Write(on), done_(std::move(done)) {}
  void Answer(const Error* failure) final {
    if (failure != nullptr) return done_(Fail(*failure));
    done_(std::move(result_));
  }

 protected:
  Result<T> result_ = Fail(ErrorCode::internal, "The write was not applied.");

 private:
  parley::Answer<T> done_;
};

// Runs `query` once for each item, in as few round trips as the engine has. `bind(statement, item)`: what
// it binds must live until all have run. No rows are read.
template <class Items, class BindItem>
void RunForEach(SqlSession& session, const Query& query, const Items& items, BindItem bind) {
  constexpr size_t kInATrip = 500;  // their results fit into the buffer of a socket
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
// A piece of what deleted conversations left; true: there may be more.
bool RemoveDeletedRows(SqlSession& session, DeletionCursor& cursor);
// At most `limit` of what a buffer holds. Rows that other clients hold locked are passed over and kept.
void WriteMarks(SqlSession& session, ReadMarkBuffer& buffer, size_t limit);
void StampRead(SqlSession& session, ReadStampBuffer& buffer, size_t limit);
void StampDelivered(SqlSession& session, DeliveryBook& book, size_t limit);
void WriteSeen(SqlSession& session, SeenBook& book, size_t limit);
// Of the access log, older than a day.
void ForgetOldAccessChanges(SqlSession& session, Timestamp now);

// --- inside a transaction

// Reads the attachments of those messages that have any.
void FillAttachments(SqlSession& session, std::span<Message> messages);
void FillAttachments(SqlSession& session, std::span<Message* const> messages);
// nullopt: one of them is not there, not this uploader's, or belongs to a message already.
std::optional<std::vector<Attachment>> FindUnattached(SqlSession& session,
                                                      std::span<const Uuid> attachments,
                                                      const UserId& uploader);
// Gives them to a message, the first one at `place` among its attachments.
void Attach(SqlSession& session, std::span<Attachment> attachments, const Uuid& conversation,
            const Uuid& message, size_t place);
// Writes down how many a stored message has.
void CountAttachments(SqlSession& session, const Message& message);
// Their files are removed from the disk later.
void DropAttachment(SqlSession& session, const Uuid& attachment);
void DropAttachmentsOf(SqlSession& session, const Uuid& message);
// At most `limit` of a conversation's; false: there were none.
bool DropAttachmentsIn(SqlSession& session, const Uuid& conversation, int64_t limit);

// Ids with a space between them, which no id holds.
std::string JoinUsers(std::span<const UserId> users);
// Tells the other nodes.
void LogAccess(SqlSession& session, AccessChange::Kind kind, const Uuid& conversation,
               std::span<const UserId> users, Timestamp now);

inline constexpr int kMembersShown = 100;
// With its first members.
std::optional<Conversation> FindConversation(SqlSession& session, const Uuid& id);
void ReadMembers(SqlSession& session, Conversation& conversation);
// The reader's mark, or none for somebody who is not in it.
std::optional<int64_t> ReadMark(SqlSession& session, const Uuid& conversation, const UserId& user);
// The only column of the only row; 0 where there is none.
int64_t NumberFrom(Statement& row);
int64_t UnreadIn(SqlSession& session, const Uuid& conversation, const UserId& reader,
                 int64_t read_mark);

}  // namespace parley

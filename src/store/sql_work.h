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

// --- upkeep (store/group_commit.h)

inline constexpr auto kUpkeepSoon = std::chrono::milliseconds(200);
// A piece of what deleted conversations left; true: there may be more.
bool RemoveDeletedRows(SqlSession& session, DeletionCursor& cursor);
bool WriteSeen(SqlSession& session, SeenBook& book);
bool StampDelivered(SqlSession& session, DeliveryBook& book);

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

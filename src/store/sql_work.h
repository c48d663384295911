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
bool RemoveDeletedRows(SqlSession& session);
bool WriteSeen(SqlSession& session, SeenBook& book);
bool StampDelivered(SqlSession& session, DeliveryBook& book);

// --- inside a transaction

// With its first 100 members.
std::optional<Conversation> FindConversation(SqlSession& session, const Uuid& id);
void ReadMembers(SqlSession& session, Conversation& conversation);
// The reader's mark, or none for somebody who is not in it.
std::optional<int64_t> ReadMark(SqlSession& session, const Uuid& conversation, const UserId& user);
// The only column of the only row; 0 where there is none.
int64_t NumberFrom(Statement& row);
int64_t UnreadIn(SqlSession& session, const Uuid& conversation, const UserId& reader,
                 int64_t read_mark);

}  // namespace parley

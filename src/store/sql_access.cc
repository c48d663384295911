// SqlStore: the logs that nodes follow in the store: access changes, and the heads of conversations.
#include <algorithm>

#include "store/list_queries.h"
#include "store/log_reading.h"

namespace parley {
namespace {

constexpr size_t kUsersInARow = 500;
constexpr auto kKept = std::chrono::hours(24);

std::vector<UserId> UsersIn(std::string_view text) {
  std::vector<UserId> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string JoinUsers(std::span<const UserId> users) {
  std::string text;
  for (const UserId& user : users) {
    if (!text.empty()) text += ' ';
    text += user;
  }
  return text;
}

bool CheckUsers(SqlSession& session, std::span<const UserId> users) {
  if (session.IsTakenOver()) session.Prepare(queries::kCheckUsersAtOnce).Run();
  return std::ranges::all_of(users, [&](const UserId& user) { return session.FitsUserType(user); });
}

void LogAccess(SqlSession& session, AccessChange::Kind kind, const Uuid& conversation,
               std::span<const UserId> users, Timestamp now) {
  std::vector<std::string> rows;
  do {
    const size_t some = std::min(kUsersInARow, users.size());
    rows.push_back(JoinUsers(users.first(some)));
    users = users.subspan(some);
  } while (!users.empty());
  RunForEach(session, queries::kInsertAccessChange, rows,
             [&](Statement& insert, const std::string& text) {
               insert.Bind(1, conversation)
                   .Bind(2, static_cast<int64_t>(kind))
                   .Bind(3, text)
                   .Bind(4, now.micros);
             });
}

void SqlStore::ListAccessChanges(LogQuery query, Executor& on, Answer<AccessChanges> done) {
  static constexpr LogQueries kLog{queries::kAccessHorizon, queries::kAccessChanges,
                                   &queries::kAccessChangesSince};
  OnReader<AccessChanges>(
      on, std::move(done),
      [query = std::move(query)](SqlSession& session) -> Result<AccessChanges> {
        AccessChanges out;
        out.page = ReadLog<int64_t>(session, kLog, query, [&](Statement& row) {
          out.changes.push_back({.id = row.Int(1),
                                 .kind = static_cast<AccessChange::Kind>(row.Int(3)),
                                 .conversation = row.Id(2),
                                 .users = UsersIn(row.Text(4))});
        });
        return out;
      },
      ReadClass::kCritical);
}

void SqlStore::ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) {
  static constexpr LogQueries kLog{queries::kChangeHorizon, queries::kChangedHeads, nullptr};
  OnReader<ChangedHeads>(
      on, std::move(done),
      [query = std::move(query)](SqlSession& session) -> Result<ChangedHeads> {
        ChangedHeads out;
        out.page = ReadLog<Uuid>(session, kLog, query, [&](Statement& row) {
          out.heads.push_back({row.Id(1), row.Int(2), session.Epoch(), row.Int(0)});
        });
        return out;
      },
      ReadClass::kCritical);
}

void SqlStore::ListHeads(std::vector<Uuid> conversations, Executor& on,
                         Answer<std::vector<UserConversationHead>> done) {
  OnReader<std::vector<UserConversationHead>>(
      on, std::move(done),
      [conversations = std::move(conversations)](
          SqlSession& session) -> Result<std::vector<UserConversationHead>> {
        std::vector<UserConversationHead> out;
        queries::kHeadsOfMany.Run(
            session, std::span<const Uuid>(conversations), [&](const Statement& row) {
              out.push_back({row.Id(0), row.Int(1), session.Epoch(), row.Int(2)});
            });
        return out;
      },
      ReadClass::kCritical);
}

void ForgetOldAccessChanges(SqlSession& session, Timestamp now) {
  session.Prepare(queries::kForgetAccessChanges)
      .Bind(1, now.micros - Duration(kKept).count())
      .Run();
}

}  // namespace parley

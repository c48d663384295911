// SqlStore: when users were last seen, and with whom they share conversations.
#include <unordered_set>

#include "store/list_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

constexpr int64_t kConversationsTold = 1000;
constexpr auto kSeenWithin = std::chrono::milliseconds(1000);

}  // namespace

void SqlStore::NoteSeen(const UserId& user, Timestamp at) {
  if (seen_.Note(user, at)) commits_.WantUpkeep(kSeenWithin);
}

bool WriteSeen(SqlSession& session, SeenBook& book) {
  constexpr size_t kUsersAtOnce = 500;
  const auto taken = book.Take(kUsersAtOnce);
  for (const auto& [user, at] : taken) {
    session.Prepare(queries::kSetSeen).Bind(1, user).Bind(2, at.micros).Run();
  }
  return taken.size() == kUsersAtOnce;
}

void SqlStore::ListCompany(UserId user, size_t participants_limit, Executor& on,
                           Answer<Company> done) {
  OnReader<Company>(
      on, std::move(done),
      [=](SqlSession& session) -> Result<Company> {
        const auto limit = static_cast<int64_t>(participants_limit);
        Company company;
        Statement& conversations = session.Prepare(queries::kSmallConversations);
        conversations.Bind(1, user).Bind(2, limit).Bind(3, kConversationsTold);
        while (conversations.Step()) company.conversations.push_back(conversations.Id(0));
        Statement& users = session.Prepare(queries::kCompanions);
        users.Bind(1, user).Bind(2, limit).Bind(3, kConversationsTold);
        while (users.Step()) company.users.emplace_back(users.Text(0));
        return company;
      },
      ReadClass::kBulk);
}

void SqlStore::ListSeen(UserId reader, bool as_service, std::vector<UserId> asked, Executor& on,
                        Answer<std::vector<Seen>> done) {
  OnReader<std::vector<Seen>>(
      on, std::move(done),
      [=, this](SqlSession& session) -> Result<std::vector<Seen>> {
        std::vector<Seen> out;
        KeyedSet given;
        queries::kSeenOfMany.Run(
            session, std::span<const UserId>(asked), UserId(),
            [&](Statement& rows) { rows.Bind(1, reader).Bind(2, int64_t{as_service}); },
            [&](const Statement& row) {
              Seen seen{.user = UserId(row.Text(0))};
              if (seen.user.empty() || !given.insert(seen.user).second) return;
              seen.last_seen = seen_.Find(seen.user);
              if (!seen.last_seen && !row.IsNull(1)) seen.last_seen = Timestamp{row.Int(1)};
              out.push_back(std::move(seen));
            });
        return out;
      },
      ReadClass::kBulk);
}

}  // namespace parley

// SqlStore: when users were last seen.
#include <unordered_set>

#include "store/list_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

constexpr auto kSeenWithin = std::chrono::milliseconds(1000);

}  // namespace

void SqlStore::NoteSeen(const UserId& user, Timestamp at) {
  if (seen_.Note(user, at)) commits_.WantUpkeep(kSeenWithin);
}

void WriteSeen(SqlSession& session, LastSeenBuffer& buffer, size_t limit) {
  const std::map<UserId, Timestamp> taken = buffer.Take(limit);
  RunForEach(session, queries::kSetSeen, taken, [](Statement& set, const auto& seen) {
    set.Bind(1, seen.first).Bind(2, seen.second.micros);
  });
}

void SqlStore::ListSeen(UserId reader, bool as_service, std::vector<UserId> asked, Executor& on,
                        Answer<std::vector<Seen>> done) {
  OnReader<std::vector<Seen>>(
      on, std::move(done),
      [=, this](SqlSession& session) -> Result<std::vector<Seen>> {
        std::vector<Seen> out;
        KeyedSet given;
        std::vector<UserId> fit;
        for (const UserId& user : asked) {
          if (session.FitsUserType(user)) fit.push_back(user);
        }
        if (fit.empty()) return out;
        queries::kSeenOfMany.Run(
            session, std::span<const UserId>(fit), fit.front(),
            [&](Statement& rows) {
              rows.Bind(1, reader).Bind(2, int64_t{as_service}).Bind(3, reader);
            },
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

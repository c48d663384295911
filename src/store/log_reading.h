// Pages of the store's logs (domain/log_page.h), read inside one transaction.
#pragma once
#include <algorithm>

#include "store/sql_work.h"

namespace parley {

// The queries of one log. The first two columns of each are the transaction and the row's id.
struct LogQueries {
  // The position, on engines without SqlSession::Snapshot.
  const Query& horizon;
  // Rows with ?1 <= transaction < ?2; of transaction ?1 only ids above ?3; at most ?4, sorted.
  const Query& rows;
  // Rows created at ?1 or later, with ids above ?2; at most ?3. nullptr: the log has no times.
  const Query* since;
};

inline StorePosition PositionOf(SqlSession& session, const Query& horizon) {
  if (auto snapshot = session.Snapshot()) return *std::move(snapshot);
  return {.epoch = session.Epoch(), .next = NumberFrom(session.Prepare(horizon))};
}

// Reads one page. `Key` is the type of the row ids: int64_t or Uuid. Calls `row` with each row.
template <class Key, class Row>
LogPage ReadLog(SqlSession& session, const LogQueries& queries, const LogQuery& query, Row row) {
  LogPage page{.position = PositionOf(session, queries.horizon)};
  // A position in the future belongs to a history that the store has lost.
  const auto is_known = [&](const std::optional<StorePosition>& position) {
    return !position ||
           (position->epoch == page.position.epoch && position->next <= page.position.next);
  };
  page.stale = !is_known(query.from) || !is_known(query.until);
  if (page.stale) return page;

  constexpr bool kByUuid = std::is_same_v<Key, Uuid>;
  size_t count = 0;
  const auto step_through = [&](Statement& rows) {
    for (; rows.Step(); ++count) {
      page.last = {.transaction = rows.Int(0)};
      if constexpr (kByUuid) {
        page.last.uuid = rows.Id(1);
      } else {
        page.last.id = rows.Int(1);
      }
      row(rows);
    }
  };
  const auto left = [&] { return static_cast<int64_t>(query.limit - count); };
  if (!query.from) {
    if (queries.since == nullptr) return page;
    step_through(session.Prepare(*queries.since)
                     .Bind(1, query.since.micros)
                     .Bind(2, query.after.id)
                     .Bind(3, left()));
  } else {
    const auto read_between = [&](int64_t first, int64_t end) {
      if (count == query.limit || query.after.transaction >= end || first >= end) return;
      Statement& rows = session.Prepare(queries.rows);
      const bool behind = query.after.transaction >= first;
      rows.Bind(1, std::max(first, query.after.transaction)).Bind(2, end).Bind(4, left());
      if constexpr (kByUuid) {
        rows.Bind(3, behind ? query.after.uuid : Uuid());
      } else {
        rows.Bind(3, behind ? query.after.id : INT64_MIN);
      }
      step_through(rows);
    };
    for (const int64_t open : query.from->open) read_between(open, open + 1);
    read_between(query.from->next, (query.until ? *query.until : page.position).next);
  }
  page.more = count == query.limit;
  return page;
}

}  // namespace parley

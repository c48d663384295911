// Checks that every query of the store uses an index on both engines, for any number of conversations,
// messages and users.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "store/list_query.h"
#include "store/postgres/open_postgres.h"
#include "store/postgres/pg_session.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_session.h"
#include "test/contract/store_contract.h"
#include "test/support/private_postgres.h"

namespace parley::test {
namespace {

std::vector<Query>& AllQueries() {
  static std::vector<Query> all;
  return all;
}

}  // namespace
}  // namespace parley::test

namespace parley {
struct ListedQuery {
  ListedQuery(const char* name, const char* sql) { test::AllQueries().push_back({name, sql}); }
};
struct ListedListQuery {
  using Form = ListQuery::Form;
  ListedListQuery(const char* name, std::string_view text, int first, Form form = Form::kIn) {
    static std::deque<std::string> texts;
    for (const size_t places : {ListQuery::kShort, ListQuery::kLong}) {
      const std::string& sql = texts.emplace_back(ListQuery::Write(text, first, places, form));
      test::AllQueries().push_back({name, sql.c_str()});
    }
  }
};
}  // namespace parley

// Includes the headers again in another namespace, in which each query adds itself to the list: a new
// query is tested without a change here.
#define Query ListedQuery
#define ListQuery ListedListQuery
#define queries listed_queries
#define constexpr const
#include "store/attachment_queries.h"
#include "store/batch_queries.h"
#include "store/client_id_queries.h"
#include "store/list_queries.h"
#include "store/mark_queries.h"
#include "store/queries.h"
#undef constexpr
#undef queries
#undef ListQuery
#undef Query

namespace parley::test {
namespace {

// Queries that may scan a table, with the reason.
const std::set<std::string_view> kMayScan = {
    "last_time",            // once, when the store is opened
    "access_horizon",       // the highest rowid
    "revocation_horizon",   // the highest rowid
    "wait_longer",          // a setting of a transaction
    "check_users_at_once",  // the same
    "removed_files",        // the table has only such rows, and the query has a limit
};

// Queries that the embedded store does not run.
const std::set<std::string_view> kSharedStoresOnly = {"change_horizon", "changed_heads"};

bool IsOfOneEngine(const Query& query) {
  const std::string_view sql(query.sql);
  return std::ranges::any_of(
      std::vector<std::string_view>{"FOR UPDATE", "FOR NO KEY UPDATE", "unnest(", "json_each(",
                                    "octet_length(", "parley_client_id", "ANY ("},
      [&](std::string_view word) { return sql.find(word) != std::string_view::npos; });
}

// Whether a step of SQLite's plan scans a table: "SCAN c", or a search without a key. A table's alias
// has one letter; other scans read rows of the statement itself.
bool SearchesAll(std::string_view step) {
  if (step.starts_with("SEARCH ")) return step.find('(') == std::string_view::npos;
  if (!step.starts_with("SCAN ")) return false;
  const std::string_view name = step.substr(5, step.find(' ', 5) - 5);
  return name.size() == 1 || name.starts_with("messaging_") || name.starts_with("parley_");
}

TEST(QueryPlans, SqliteFindsRowsByAnIndex) {
  const ManualClock clock;
  const ScratchDirectory directory;
  OpenSqliteStore({.directory = directory.path()}, clock)->Close();
  SqliteSession session(directory.path() / "parley.db", SqliteSession::Mode::kReader, true);
  ASSERT_GT(AllQueries().size(), 60u);
  std::deque<std::string> texts;  // a session identifies a query by its address
  for (const Query& query : AllQueries()) {
    if (kMayScan.contains(query.name) || kSharedStoresOnly.contains(query.name)) continue;
    const std::string& explain =
        texts.emplace_back(std::string("EXPLAIN QUERY PLAN ") + WithUserType(query.sql, "text"));
    try {
      // A partial index (parley_conversation_deleted) lists exactly the rows of the query.
      Statement& plan = session.Prepare({query.name, explain.c_str()});
      while (plan.Step()) {
        const std::string step(plan.Text(3));
        const bool is_partial = step.find("parley_conversation_deleted") != std::string::npos;
        EXPECT_TRUE(is_partial || !SearchesAll(step)) << query.name << ": " << step;
      }
    } catch (const StoreFailure& failure) {
      EXPECT_TRUE(IsOfOneEngine(query)) << query.name << ": " << failure.what();
    }
  }
}

int ParametersOf(std::string_view sql) {
  int most = 0;
  for (size_t at = sql.find('?'); at != std::string_view::npos; at = sql.find('?', at + 1)) {
    most = std::max(most, std::atoi(sql.substr(at + 1, 3).data()));
  }
  return most;
}

// Whether a step of PostgreSQL's plan scans a table or a whole index: without an index condition, unless
// the index is partial and lists exactly the rows of the query.
bool ReadsAll(const PGresult& plan, int row) {
  const auto text = [&](int at) -> std::string_view {
    return at < ::PQntuples(&plan) ? ::PQgetvalue(&plan, at, 0) : "";
  };
  const auto holds = [](std::string_view step, std::string_view word) {
    return step.find(word) != std::string_view::npos;
  };
  const std::string_view step = text(row);
  if (holds(step, "Seq Scan")) return true;
  const bool by_index = holds(step, "Index Scan") || holds(step, "Index Only Scan");
  const bool partial =
      holds(step, "parley_conversation_deleted") || holds(step, "parley_attachment_uploader");
  return by_index && !partial && !holds(text(row + 1), "Index Cond");
}

TEST(QueryPlans, PostgresFindsRowsByAnIndex) {
  if (!PrivatePostgres::Installed()) GTEST_SKIP() << "PostgreSQL is not installed";
  const ManualClock clock;
  const std::string url = PrivatePostgres::Get().Database("query_plans");
  OpenPostgresStore({.url = url}, clock)->Close();
  const auto connect = [&] { return std::make_unique<PgConnection>(url, PgTimes{}); };
  for (const auto mode : {PgSession::Mode::kReader, PgSession::Mode::kWriter}) {
    PgSession session(connect, mode, {});
    Statement& setting = session.Prepare({"setting", "SELECT current_setting('enable_seqscan')"});
    ASSERT_TRUE(setting.Step());
    EXPECT_EQ(setting.Text(0), "off");
  }
  PgConnection connection(url, {});
  connection.Execute(kPlanByIndexes);
  connection.Execute("SET plan_cache_mode = force_generic_plan");  // plan for unknown values
  for (const Query& query : AllQueries()) {
    if (kMayScan.contains(query.name)) continue;
    std::string sql = WithUserType(query.sql, "text");
    std::string values;
    for (int i = ParametersOf(sql); i > 0; --i) values += values.empty() ? "(NULL" : ", NULL";
    if (!values.empty()) values += ')';
    std::ranges::replace(sql, '?', '$');
    try {
      connection.Execute("PREPARE q AS " + sql);
      const PgResult plan = connection.Execute("EXPLAIN EXECUTE q" + values);
      for (int row = 0; row < ::PQntuples(plan.get()); ++row) {
        const std::string_view step(::PQgetvalue(plan.get(), row, 0));
        EXPECT_FALSE(ReadsAll(*plan, row)) << query.name << ": " << step;
      }
      connection.Execute("DEALLOCATE q");
    } catch (const StoreFailure& failure) {
      EXPECT_TRUE(IsOfOneEngine(query)) << query.name << ": " << failure.what();
    }
  }
}

}  // namespace
}  // namespace parley::test

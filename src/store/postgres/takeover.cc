#include "store/postgres/takeover.h"

#include <ostream>
#include <stdexcept>
#include <thread>

#include "assets.h"
#include "base/ids.h"
#include "store/postgres/takeover_backfill.h"
#include "store/postgres/takeover_schema.h"

namespace parley {
namespace {

using takeover::Ask;
using takeover::AskOne;

// The schema version that the added columns and tables amount to; later migrations follow as usual.
constexpr const char* kSchemaVersion = "11";
// The key of the lock that a running takeover holds. The number is arbitrary.
constexpr const char* kTakeoverLock = "SELECT pg_try_advisory_lock(7891214)";
// ALTER TABLE waits this long for a lock before it lets the other system's transactions pass.
constexpr int kLockAttempts = 60;
constexpr auto kLockPause = std::chrono::seconds(1);

[[noreturn]] void RefuseTakeover(const std::string& why) {
  throw std::runtime_error("cannot take over the PostgreSQL database: " + why);
}

std::string Script(std::string_view name) {
  const std::string path = "src/store/postgres/takeover/" + std::string(name);
  for (const assets::Asset& file : assets::all) {
    if (file.name == path) return std::string(file.text);
  }
  throw std::logic_error("no script " + path);
}

PgConnection Open(const PostgresOptions& options) {
  PgTimes times = options.times;
  times.statement = std::chrono::hours(24);  // an index of a large table
  times.lock = std::chrono::milliseconds(500);
  PgConnection connection(options.url, times);
  connection.Execute("SET client_min_messages = 'warning'");
  return connection;
}

bool HasTable(PgConnection& connection, const std::string& name) {
  return AskOne(connection, "SELECT to_regclass('" + name + "') IS NOT NULL") == "t";
}

std::string Meta(PgConnection& connection, const std::string& key) {
  if (!HasTable(connection, "parley_meta")) return "";
  return AskOne(connection, "SELECT value FROM parley_meta WHERE key = '" + key + "'");
}

TakeoverState StateOf(PgConnection& connection) {
  const std::string state = Meta(connection, "takeover");
  if (!state.empty()) {
    return state == "complete" ? TakeoverState::kComplete : TakeoverState::kBegun;
  }
  if (HasTable(connection, "parley_meta")) return TakeoverState::kNone;
  return HasTable(connection, "messaging_conversation") ? TakeoverState::kPossible
                                                        : TakeoverState::kNone;
}

void RefuseDifferences(PgConnection& connection) {
  const auto differences =
      takeover::Differences(connection, StateOf(connection) != TakeoverState::kPossible);
  if (differences.empty()) return;
  std::string text = "its tables differ from those of the guide's system";
  for (const std::string& difference : differences) text += "\n  - " + difference;
  RefuseTakeover(text);
}

void LockTakeover(PgConnection& connection) {
  if (AskOne(connection, kTakeoverLock) != "t") {
    RefuseTakeover("another 'parley migrate' is at work on it");
  }
}

// Runs statements that lock tables, in one short transaction, between transactions of the other system.
void Alter(PgConnection& connection, const std::string& script) {
  for (int attempt = 1;; ++attempt) {
    try {
      connection.Execute("BEGIN; " + script + "; COMMIT");
      return;
    } catch (const StoreFailure& failure) {
      if (connection.InTransaction()) connection.Execute("ROLLBACK");
      const bool busy = failure.kind() == StoreFailure::Kind::kLocked ||
                        failure.kind() == StoreFailure::Kind::kConflict;
      if (!busy || attempt == kLockAttempts) throw;
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

void SetMeta(PgConnection& connection, const std::string& key, const std::string& value) {
  connection.Execute("INSERT INTO parley_meta (key, value) VALUES ('" + key + "', '" + value +
                     "') ON CONFLICT (key) DO UPDATE SET value = excluded.value");
}

// --- columns, tables, triggers

void AddColumns(PgConnection& connection) {
  for (const char* table : takeover::kTables) {
    std::string script;
    for (const auto& column : takeover::Columns()) {
      if (column.table != std::string_view(table)) continue;
      const std::string alter = std::string("ALTER TABLE ") + table;
      script += alter + " ADD COLUMN IF NOT EXISTS " + column.name + " " + column.type + " " +
                column.constraint + "; ";
      if (column.later_default == nullptr) continue;
      script +=
          alter + " ALTER COLUMN " + column.name + " SET DEFAULT " + column.later_default + "; ";
    }
    for (const auto& added : takeover::Defaults()) {
      if (added.table != std::string_view(table)) continue;
      script += std::string("ALTER TABLE ") + table + " ALTER COLUMN " + added.column +
                " SET DEFAULT " + added.value + "; ";
    }
    Alter(connection, script + "SELECT 1");
  }
}

void AddTablesAndTriggers(PgConnection& connection) {
  if (!HasTable(connection, "parley_inbox")) Alter(connection, Script("tables.sql") + "SELECT 1");
  Alter(connection, Script("triggers.sql") + "SELECT 1");
}

// Without locks that stop writers. A run that was killed leaves an invalid index.
void AddIndexes(PgConnection& connection, std::ostream& out) {
  connection.Execute("SET lock_timeout = 0");
  for (const auto& index : takeover::Indexes()) {
    const std::string valid =
        AskOne(connection, std::string("SELECT indisvalid FROM pg_index WHERE indexrelid = "
                                       "to_regclass('") +
                               index.name + "')");
    if (valid == "t") continue;
    if (!valid.empty()) {
      connection.Execute(std::string("DROP INDEX CONCURRENTLY ") + index.name);
    }
    connection.Execute(std::string("CREATE ") + (index.unique ? "UNIQUE " : "") +
                       "INDEX CONCURRENTLY " + index.name + " ON " + index.table + " " + index.on);
    out << "  index " << index.name << std::endl;
  }
  connection.Execute("SET lock_timeout = '500ms'");
}

void Complete(PgConnection& connection, const Clock& clock) {
  connection.Execute("BEGIN");
  SetMeta(connection, "store_id", UuidGenerator(clock).Next().ToString());
  SetMeta(connection, "file_key", RandomHex(32));
  SetMeta(connection, "schema_version", kSchemaVersion);
  SetMeta(connection, "takeover", "complete");
  connection.Execute("COMMIT");
}

std::string Count(PgConnection& connection, const std::string& from) {
  return AskOne(connection, "SELECT count(*) FROM " + from);
}

void RefuseServers(PgConnection& connection) {
  const std::string others =
      AskOne(connection,
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
             "AND application_name = 'parley' AND pid <> pg_backend_pid()");
  if (others == "0") return;
  RefuseTakeover("Parley is using it (" + others +
                 " connections): stop every 'parley serve' first");
}

// Deleted rows in pieces, so that no transaction is long.
void RemoveDeleted(PgConnection& connection, std::ostream& out) {
  const std::string gone =
      "SELECT id FROM messaging_message WHERE deleted_at IS NOT NULL OR conversation_id IN "
      "(SELECT id FROM messaging_conversation WHERE deleted_at IS NOT NULL) LIMIT 2000";
  int64_t messages = 0;
  while (true) {
    const std::string some =
        AskOne(connection, "WITH gone AS MATERIALIZED (" + gone +
                               "), files AS (DELETE FROM messaging_attachment WHERE message_id IN "
                               "(SELECT id FROM gone)), removed AS (DELETE FROM messaging_message "
                               "WHERE id IN (SELECT id FROM gone) RETURNING 1) "
                               "SELECT count(*) FROM removed");
    if (some == "0") break;
    messages += std::stoll(some);
  }
  connection.Execute(
      "DELETE FROM messaging_conversation_participant WHERE conversation_id IN "
      "(SELECT id FROM messaging_conversation WHERE deleted_at IS NOT NULL)");
  const std::string conversations =
      AskOne(connection,
             "WITH removed AS (DELETE FROM messaging_conversation WHERE deleted_at IS NOT NULL "
             "RETURNING 1) SELECT count(*) FROM removed");
  out << "  removed " << messages << " deleted messages and " << conversations
      << " deleted conversations" << std::endl;
}

template <class Work>
auto OnDatabase(const PostgresOptions& options, Work work) {
  try {
    PgConnection connection = Open(options);
    return work(connection);
  } catch (const StoreFailure& failure) {
    throw std::runtime_error("cannot use the PostgreSQL database: " + std::string(failure.what()));
  }
}

}  // namespace

TakeoverState FindTakeover(const PostgresOptions& options) {
  CheckPostgres(options);
  return OnDatabase(options, [](PgConnection& connection) { return StateOf(connection); });
}

void PlanTakeover(const PostgresOptions& options, std::ostream& out) {
  OnDatabase(options, [&](PgConnection& connection) {
    RefuseDifferences(connection);
    out << "the tables are those of the guide's system; user ids are "
        << takeover::UserType(connection) << "\n";
    for (const char* table : takeover::kTables) {
      out << "  table " << table << ": " << Count(connection, table) << " rows\n";
    }
    for (const auto& column : takeover::Columns()) {
      out << "  add column " << column.table << "." << column.name << " " << column.type
          << (*column.constraint != '\0' ? " " : "") << column.constraint << "\n";
    }
    for (const auto& added : takeover::Defaults()) {
      out << "  set default of " << added.table << "." << added.column << " to " << added.value
          << "\n";
    }
    for (const auto& index : takeover::Indexes()) {
      out << "  add " << (index.unique ? "unique " : "") << "index " << index.name << " on "
          << index.table << " " << index.on << "\n";
    }
    out << "  add tables parley_*, and triggers that record changes by other writers\n"
        << "  number the messages of each conversation by (sent_at, id)\n"
        << "  set roles from is_admin, read marks from last_read_at, else from read_at\n"
        << "  keep for each pair the oldest of its direct conversations: "
        << takeover::CountSurplusPairs(connection) << " others stay, but are not reused\n";
    return 0;
  });
}

void TakeOver(const PostgresOptions& options, const Clock& clock, std::ostream& out) {
  OnDatabase(options, [&](PgConnection& connection) {
    LockTakeover(connection);
    if (StateOf(connection) == TakeoverState::kComplete) return 0;
    RefuseDifferences(connection);
    connection.Execute(
        "CREATE TABLE IF NOT EXISTS parley_meta (key text PRIMARY KEY, value text NOT NULL)");
    SetMeta(connection, "takeover", "begun");
    out << "adding columns, tables and triggers" << std::endl;
    AddColumns(connection);
    AddTablesAndTriggers(connection);
    out << "building indexes" << std::endl;
    AddIndexes(connection, out);
    takeover::Backfill(connection, out);
    Complete(connection, clock);
    return 0;
  });
}

void PlanUndo(const PostgresOptions& options, std::ostream& out) {
  OnDatabase(options, [&](PgConnection& connection) {
    const TakeoverState state = StateOf(connection);
    if (state != TakeoverState::kBegun && state != TakeoverState::kComplete) {
      RefuseTakeover("it was not taken over, so there is nothing to roll back");
    }
    for (const auto& column : takeover::Columns()) {
      out << "  drop column " << column.table << "." << column.name << "\n";
    }
    out << "  drop Parley's indexes, defaults, triggers and parley_* tables\n";
    if (state != TakeoverState::kComplete) return 0;
    out << "  remove " << Count(connection, "messaging_message WHERE deleted_at IS NOT NULL")
        << " deleted messages and "
        << Count(connection, "messaging_conversation WHERE deleted_at IS NOT NULL")
        << " deleted conversations\n";
    return 0;
  });
}

void UndoTakeover(const PostgresOptions& options, std::ostream& out) {
  OnDatabase(options, [&](PgConnection& connection) {
    const TakeoverState state = StateOf(connection);
    if (state != TakeoverState::kBegun && state != TakeoverState::kComplete) {
      RefuseTakeover("it was not taken over, so there is nothing to roll back");
    }
    LockTakeover(connection);
    RefuseServers(connection);
    SetMeta(connection, "takeover", "begun");
    connection.Execute("DELETE FROM parley_meta WHERE key = 'schema_version'");
    const bool all_columns =
        AskOne(connection,
               "SELECT count(*) FROM information_schema.columns WHERE table_schema = "
               "current_schema() AND column_name = 'deleted_at' AND table_name IN "
               "('messaging_message', 'messaging_conversation')") == "2";
    if (all_columns) RemoveDeleted(connection, out);
    std::string script;
    for (const auto& index : takeover::Indexes()) {
      script += std::string("DROP INDEX IF EXISTS ") + index.name + "; ";
    }
    for (const auto& column : takeover::Columns()) {
      script += std::string("ALTER TABLE ") + column.table + " DROP COLUMN IF EXISTS " +
                column.name + "; ";
    }
    for (const auto& added : takeover::Defaults()) {
      script += std::string("ALTER TABLE ") + added.table + " ALTER COLUMN " + added.column +
                " DROP DEFAULT; ";
    }
    Alter(connection, Script("rollback.sql") + script + "SELECT 1");
    return 0;
  });
}

}  // namespace parley

#include "store/postgres/open_postgres.h"

#include <stdexcept>
#include <thread>

#include "base/log.h"
#include "store/migrations.h"
#include "store/postgres/pg_session.h"
#include "store/postgres/takeover_schema.h"
#include "store/sql_store.h"

namespace parley {
namespace {

constexpr int kOldestServer = 130'000;
constexpr int64_t kFileKeySince = 11;  // the first schema version with this key
// The key of the advisory lock; its holder migrates. The number is arbitrary.
constexpr const char* kSchemaLock = "SELECT pg_advisory_xact_lock(7891213)";
// The maximum time for a statement of a migration, which can rewrite a table.
constexpr std::chrono::minutes kMigrationTime{10};

constexpr Query kHasMeta{"has_meta", "SELECT to_regclass('parley_meta') IS NOT NULL"};
constexpr Query kHasForeign{"has_foreign",
                            "SELECT to_regclass('messaging_conversation') IS NOT NULL"};
constexpr Query kMeta{"meta", "SELECT value FROM parley_meta WHERE key = ?1"};
constexpr Query kSetMeta{"set_meta",
                         "INSERT INTO parley_meta (key, value) VALUES (?1, ?2) "
                         "ON CONFLICT (key) DO UPDATE SET value = excluded.value"};

// The first script has the number 5, the version of SQLite's schema when PostgreSQL was added.
const Migrations& Scripts() {
  static const Migrations scripts("postgres");
  return scripts;
}

[[noreturn]] void Refuse(const std::string& why) {
  throw std::runtime_error("cannot use the PostgreSQL database: " + why);
}

std::string Show(PgConnection& connection, const std::string& setting) {
  const PgResult result = connection.Execute("SHOW " + setting);
  return ::PQgetvalue(result.get(), 0, 0);
}

void RefuseUnsafe(PgConnection& connection, bool fsync) {
  if (connection.server_version() < kOldestServer) {
    Refuse("the server is version " + connection.Setting("server_version") +
           "; version 13 or newer is required");
  }
  if (connection.Setting("server_encoding") != "UTF8") {
    Refuse("its encoding is " + connection.Setting("server_encoding") + "; UTF8 is required");
  }
  if (Show(connection, "transaction_read_only") == "on") Refuse("it is read-only (a standby?)");
  if (!fsync) return;
  for (const char* setting : {"fsync", "full_page_writes"}) {
    if (Show(connection, setting) == "off") {
      Refuse(std::string(setting) +
             " is off: acknowledged messages could be lost. Turn it on, or set store.fsync off");
    }
  }
}

std::string MetaOf(SqlSession& session, const char* key) {
  Statement& row = session.Prepare(kMeta).Bind(1, key);
  if (!row.Step()) return "";
  std::string value(row.Text(0));
  row.Run();
  return value;
}

bool IsTrue(SqlSession& session, const Query& query) {
  Statement& row = session.Prepare(query);
  const bool is = row.Step() && row.Int(0) == 1;
  row.Run();
  return is;
}

// Returns 0 if there is none.
int64_t VersionOf(SqlSession& session) {
  const bool there = IsTrue(session, kHasMeta);
  if (!there && IsTrue(session, kHasForeign)) {
    session.Rollback();
    Refuse(
        "it has the messaging tables of another system. 'parley migrate' takes it over ('parley "
        "migrate "
        "--dry-run' shows how)");
  }
  const std::string stored = there ? MetaOf(session, "schema_version") : "0";
  if (stored.empty()) {
    session.Rollback();
    Refuse("its takeover is not complete: run 'parley migrate' again");
  }
  const int64_t version = std::stoll(stored);
  if (version > Scripts().newest()) {
    session.Rollback();
    Refuse("it was written by a newer Parley (schema " + std::to_string(version) +
           ", this version supports up to " + std::to_string(Scripts().newest()) + ")");
  }
  return version;
}

void Migrate(SqlSession& session, const Clock& clock) {
  session.Begin();
  session.Execute(kSchemaLock);
  const int64_t version = VersionOf(session);
  const auto missing = Scripts().After(version);
  // The writes of serving nodes queue behind a script that waits for its table.
  session.Execute("SET LOCAL lock_timeout = '2s'");
  for (const Migration& next : missing) session.Execute(std::string(next.sql));
  if (!missing.empty()) {
    session.Prepare(kSetMeta)
        .Bind(1, "schema_version")
        .Bind(2, std::to_string(missing.back().version))
        .Run();
  }
  if (version < kFileKeySince)
    session.Prepare(kSetMeta).Bind(1, "file_key").Bind(2, RandomHex(32)).Run();
  if (version == 0) {
    const std::string id = UuidGenerator(clock).Next().ToString();
    session.Prepare(kSetMeta).Bind(1, "store_id").Bind(2, id).Run();
  }
  session.Commit();
}

// Returns what `attempt` returns, which can be repeated: it is while PostgreSQL is not reachable, or loses a connection, for
// options.wait.
template <class Attempt>
auto AtStart(const PostgresOptions& options, const Attempt& attempt) {
  const auto deadline = std::chrono::steady_clock::now() + options.wait;
  while (true) {
    try {
      return attempt();
    } catch (const StoreFailure& failure) {
      const bool lost = failure.kind() == StoreFailure::Kind::kUnreachable ||
                        failure.kind() == StoreFailure::Kind::kOutcomeUnknown;
      if (!lost || std::chrono::steady_clock::now() >= deadline) Refuse(failure.what());
      log::warn("waiting for PostgreSQL error={}", failure.what());
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
}

void RefuseUnsafeServer(const PostgresOptions& options) {
  PgConnection connection(options.url, options.times);
  RefuseUnsafe(connection, options.fsync);
}

PgSession::Database DatabaseOf(PgConnection& connection) {
  return {.user_type = takeover::UserType(connection),
          .taken_over = takeover::AskOne(
                            connection, "SELECT 1 FROM parley_meta WHERE key = 'takeover'") == "1"};
}

std::unique_ptr<Store> Open(const PostgresOptions& options, const Clock& clock) {
  RefuseUnsafeServer(options);
  const auto connect = [options] {
    return std::make_unique<PgConnection>(options.url, options.times);
  };
  std::optional<Uuid> identity;
  std::string file_key;
  {
    const auto connect_patiently = [options] {
      PgTimes times = options.times;
      times.lock = options.wait;  // for another node that migrates
      times.statement = kMigrationTime;
      return std::make_unique<PgConnection>(options.url, times);
    };
    PgSession migrator(connect_patiently, PgSession::Mode::kMigrator, {});
    Migrate(migrator, clock);
    identity = Uuid::Parse(MetaOf(migrator, "store_id"));
    file_key = MetaOf(migrator, "file_key");
  }
  if (!identity || file_key.empty()) Refuse("it has no identity");
  const PgSession::Database database = DatabaseOf(*connect());
  const auto open_reader = [connect, database] {
    return std::make_unique<PgSession>(connect, PgSession::Mode::kReader, database);
  };
  const auto open_writer = [connect, database] {
    return std::make_unique<PgSession>(connect, PgSession::Mode::kWriter, database);
  };
  WriterSessions writers{.others = open_writer(), .background = open_writer()};
  while (writers.conversations.size() < options.writers) {
    writers.conversations.push_back(open_writer());
  }
  return std::make_unique<SqlStore>(std::move(writers), open_reader, *identity,
                                    SqlStoreOptions{.reader_threads = options.reader_threads,
                                                    .queue_writes = options.queue_writes,
                                                    .file_key = file_key,
                                                    .taken_over = database.taken_over},
                                    clock, nullptr);
}

}  // namespace

void CheckPostgres(const PostgresOptions& options) {
  AtStart(options, [&] { RefuseUnsafeServer(options); });
}

SchemaState PostgresSchema(const PostgresOptions& options) {
  return AtStart(options, [&]() -> SchemaState {
    RefuseUnsafeServer(options);
    PgSession session([&] { return std::make_unique<PgConnection>(options.url, options.times); },
                      PgSession::Mode::kReader, {});
    return {.version = VersionOf(session), .wanted = Scripts().newest()};
  });
}

std::unique_ptr<Store> OpenPostgresStore(const PostgresOptions& options, const Clock& clock) {
  return AtStart(options, [&] { return Open(options, clock); });
}

}  // namespace parley

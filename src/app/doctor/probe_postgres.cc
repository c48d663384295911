// PostgreSQL: reachable, suitable, durable, fast, and with connections to spare.
#include <fmt/format.h>

#include "app/doctor/measure.h"
#include "app/doctor/probe.h"
#include "app/process.h"
#include "store/postgres/open_postgres.h"
#include "store/postgres/takeover_schema.h"

namespace parley::doctor {
namespace {

using takeover::AskOne;

constexpr int kOldestServer = 130'000;
constexpr double kSlowQueryMillis = 20, kSlowCommitMillis = 50;
constexpr Millis kMeasureWithin{3'000};

// The default of a new session. Parley's own sessions raise synchronous_commit.
std::string DefaultOf(PgConnection& connection, const std::string& setting) {
  return AskOne(connection, "SELECT reset_val FROM pg_settings WHERE name = '" + setting + "'");
}

void CheckServer(PgConnection& connection, bool fsync, Report& report) {
  report.Note("PostgreSQL " + connection.Setting("server_version"));
  if (connection.server_version() < kOldestServer) {
    report.Add(Code::postgres_unsuitable,
               "the server is version " + connection.Setting("server_version"));
  }
  if (connection.Setting("server_encoding") != "UTF8") {
    report.Add(Code::postgres_unsuitable,
               "the encoding is " + connection.Setting("server_encoding"));
  }
  if (AskOne(connection, "SHOW transaction_read_only") == "on") {
    report.Add(Code::postgres_unsuitable, "the database is read-only (a standby?)");
  }
  if (!fsync) report.Add(Code::fsync_off, "store.fsync is off");
  for (const char* setting : {"fsync", "full_page_writes"}) {
    if (fsync && DefaultOf(connection, setting) == "off") {
      report.Add(Code::postgres_fsync_off, std::string(setting) + " is off");
    }
  }
  const std::string commit = DefaultOf(connection, "synchronous_commit");
  if (commit == "off" || commit == "local") {
    report.Add(Code::postgres_async_commit, "synchronous_commit is " + commit);
  }
}

// Commits a message in the write-ahead log, which changes no table.
constexpr const char* kCommit = "SELECT pg_logical_emit_message(true, 'parley-doctor', '')";

void CheckLatency(PgConnection& connection, Report& report) {
  const double query = MedianMillis(20, kMeasureWithin, [&] { AskOne(connection, "SELECT 1"); });
  if (query > kSlowQueryMillis)
    report.Add(Code::postgres_slow, "a query takes " + MillisText(query));
  report.Note("a query takes " + MillisText(query));
  if (AskOne(connection,
             "SELECT pg_is_in_recovery() OR NOT has_function_privilege("
             "'pg_logical_emit_message(boolean, text, text)', 'EXECUTE')") == "t") {
    return;
  }
  const double commit = MedianMillis(10, kMeasureWithin, [&] { AskOne(connection, kCommit); });
  if (commit > kSlowCommitMillis)
    report.Add(Code::postgres_slow, "a commit takes " + MillisText(commit));
  report.Note("a commit takes " + MillisText(commit));
}

// The connections of one node: see docs/troubleshooting.md.
int64_t NeededBy(const Config& config) {
  return int64_t{ShardCount(config)} + 2 + 1 + config.store.reader_threads;
}

void CheckConnections(PgConnection& connection, const Config& config, Report& report) {
  const int64_t most = std::stoll(AskOne(connection,
                                         "SELECT current_setting('max_connections')::int - "
                                         "current_setting('superuser_reserved_connections')::int"));
  const int64_t used = std::stoll(
      AskOne(connection,
             "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"));
  const int64_t needed = NeededBy(config);
  const std::string text =
      fmt::format("{} of {} connections are used, a node needs {}", used, most, needed);
  if (most - used < needed) {
    report.Add(Code::postgres_connections_short, text);
  } else {
    report.Note(text);
  }
}

void CheckSchema(const Config& config, Report& report) {
  try {
    const SchemaState schema = PostgresSchema(
        {.url = config.database.url, .fsync = false, .wait = std::chrono::seconds(0)});
    if (schema.version == schema.wanted)
      return report.Note(fmt::format("schema {}", schema.version));
    report.Add(Code::schema_pending, schema.version == 0
                                         ? "the database has no schema yet"
                                         : fmt::format("the schema is {}, this version needs {}",
                                                       schema.version, schema.wanted));
  } catch (const std::runtime_error& error) {
    report.Add(Code::schema_unusable, error.what());
  }
}

}  // namespace

ProbeResult ProbePostgres(const ProbeInput& input) {
  const Config& config = input.config;
  if (config.database.url.empty())
    return Skip("no database.url is configured: the store is embedded");
  Report report;
  try {
    PgConnection connection(config.database.url, {});
    CheckServer(connection, config.store.fsync, report);
    CheckLatency(connection, report);
    CheckConnections(connection, config, report);
  } catch (const StoreFailure& failure) {
    return Fail(Code::postgres_unreachable, failure.what());
  }
  CheckSchema(config, report);
  return report.Done();
}

}  // namespace parley::doctor

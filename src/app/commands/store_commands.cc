// parley migrate: migrates the schema, or prints the pending migrations; takes over a database of the guide's
// Django system, and rolls that back. parley copy: copies the
// embedded store to the database of DATABASE_URL.
#include <filesystem>

#include "app/backup/backup.h"
#include "app/commands/commands.h"
#include "base/log.h"
#include "config/config_loader.h"
#include "config/config_text.h"
#include "store/postgres/copy_into_postgres.h"
#include "store/postgres/takeover.h"
#include "store/sqlite/open_sqlite.h"

namespace parley {
namespace {

SqliteOptions SqliteOf(const Config& config) {
  return {.directory = config.data_dir, .fsync = config.store.fsync};
}

// Returns the configuration, or nullopt if the command ends here.
std::optional<Config> Load(const std::vector<std::string>& args, std::ostream& out,
                           std::ostream& err, int& code) {
  const ConfigResult loaded = LoadConfig({args, ProcessEnvironment(), DiskFileReader(), {}});
  code = loaded.help ? 0 : 2;
  if (loaded.help) out << OptionsHelp({});
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (loaded.help || !loaded.ok()) return std::nullopt;
  return loaded.config;
}

// --dry-run and --rollback are arguments of the command, the others are options of the configuration.
bool Take(std::vector<std::string>& args, const char* flag) { return std::erase(args, flag) > 0; }

int RollBack(const Config& config, bool dry, std::ostream& out, std::ostream& err) {
  if (config.database.url.empty()) {
    err << "parley: only the takeover of a PostgreSQL database can be rolled back: set "
           "DATABASE_URL.\n";
    return 2;
  }
  out << "PostgreSQL: " << (dry ? "would roll the takeover back" : "rolling the takeover back")
      << std::endl;
  CheckPostgres(PostgresOf(config));
  if (dry) {
    PlanUndo(PostgresOf(config), out);
  } else {
    UndoTakeover(PostgresOf(config), out);
    out << "done\n";
  }
  return 0;
}

// Returns true if the command ends here.
bool MigrateForeign(const Config& config, bool dry, std::ostream& out) {
  const PostgresOptions options = PostgresOf(config);
  const TakeoverState state = FindTakeover(options);
  if (state != TakeoverState::kPossible && state != TakeoverState::kBegun) return false;
  out << "PostgreSQL: "
      << (state == TakeoverState::kBegun ? "a takeover has begun; " : "tables of another system; ")
      << (dry ? "would be taken over" : "taking them over") << std::endl;
  if (dry) {
    PlanTakeover(options, out);
    return true;
  }
  TakeOver(options, SystemClock(), out);
  out << "taken over" << std::endl;
  return false;  // later migrations follow
}

}  // namespace

int RunMigrateCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  std::vector<std::string> rest = args;
  const bool dry = Take(rest, "--dry-run");
  const bool back = Take(rest, "--rollback");
  int code = 0;
  const auto config = Load(rest, out, err, code);
  if (!config) return code;
  const SystemClock clock;
  if (back) return RollBack(*config, dry, out, err);
  const bool shared = !config->database.url.empty();
  if (shared && MigrateForeign(*config, dry, out)) return 0;
  const SchemaState state =
      shared ? PostgresSchema(PostgresOf(*config)) : SqliteSchema(SqliteOf(*config));
  out << (shared ? "PostgreSQL" : config->data_dir) << ": ";
  if (state.version == state.wanted) {
    out << "schema " << state.version << " is up to date\n";
    return 0;
  }
  if (state.version == 0) {
    out << "no schema";
  } else {
    out << "schema " << state.version;
  }
  out << (dry ? "; would be upgraded to schema " : "; upgrading to schema ") << state.wanted
      << std::endl;
  if (dry) return 0;
  const auto store = shared ? OpenPostgresStore(PostgresOf(*config), clock)
                            : OpenSqliteStore(SqliteOf(*config), clock);
  store->Close();
  out << "done\n";
  return 0;
}

int RunCopyCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  int code = 0;
  const auto config = Load(args, out, err, code);
  if (!config) return code;
  if (config->database.url.empty()) {
    err << "parley: copy needs a PostgreSQL database to copy the embedded store into: set "
           "DATABASE_URL.\n";
    return 2;
  }
  const SystemClock clock;
  const SqliteFile from = OpenSqliteFile(SqliteOf(*config), clock);
  int64_t all = 0;
  CopyIntoPostgres(*from.session, PostgresOf(*config), clock,
                   [&](const std::string& table, int64_t rows) {
                     out << table << ": " << rows << " rows" << std::endl;
                     all += rows;
                   });
  out << all << " rows copied. " << config->data_dir << " is unchanged.\n"
      << "Attachment files are not copied: serve with the same attachments.directory ("
      << (config->attachments.directory.empty() ? config->data_dir + "/attachments"
                                                : config->attachments.directory)
      << ").\n";
  return 0;
}

}  // namespace parley

#include "app/commands/commands.h"

#include <algorithm>
#include <string_view>

#include "app/commands/config_command.h"
#include "config/config_loader.h"

namespace parley {
namespace {

using Args = std::vector<std::string>;

struct Subcommand {
  std::string_view name;
  std::string_view help;  // lines of `parley help`
  int (*run)(const Args& args, std::ostream& out, std::ostream& err);
};

int Serve(const Args& args, std::ostream& out, std::ostream& err) {
  return RunServeCommand(args, false, out, err);
}
int Demo(const Args& args, std::ostream& out, std::ostream& err) {
  return RunServeCommand(args, true, out, err);
}
int ConfigOfProcess(const Args& args, std::ostream& out, std::ostream& err) {
  return RunConfigCommand(args, ProcessEnvironment(), out, err);
}

constexpr Subcommand kCommands[] = {
    {"serve",
     R"(
  parley serve             start the server; development needs no configuration)",
     Serve},
    {"demo",
     R"(
  parley demo              start the server with a seeded example conversation)",
     Demo},
    {"token",
     R"(
  parley token --user U    print a signed token [--ttl 1h] [--scope "messaging:service"])",
     RunTokenCommand},
    {"migrate",
     R"(
  parley migrate           upgrade the store's schema, or take over the tables of a Django system
                           [--dry-run: only report the changes] [--rollback: undo a takeover])",
     RunMigrateCommand},
    {"copy",
     R"(
  parley copy              copy the embedded store into the PostgreSQL database at DATABASE_URL)",
     RunCopyCommand},
    {"backup",
     R"(
  parley backup TARGET     back up the store and its files into a new folder, while the server runs)",
     RunBackupCommand},
    {"restore",
     R"(
  parley restore SOURCE    make a store from a backup, in an empty data directory
                           [--check: only check that the backup is intact])",
     RunRestoreCommand},
    {"status",
     R"(
  parley status [URL...]   print the nodes, their versions, load and lag as a table [--json])",
     RunStatusCommand},
    {"doctor",
     R"(
  parley doctor [URL...]   probe the configuration, its database and Redis, and the way to the URLs
                           [--json] [--token-file FILE] [--ca-file FILE] [--only PROBES] [--skip PROBES])",
     RunDoctorCommand},
    {"trace",
     R"(
  parley trace ID          print when a message was received, committed and delivered, on each node
                           [--url URL]... [--json] [--token-file FILE] [--ca-file FILE])",
     RunTraceCommand},
    {"bench",
     R"(
  parley bench SCENARIO    measure a server, and check every delivery: fanout, rooms, send, idle, slow, nodes,
                           connect, resume, history, post; or --self-test
                           [--url URL]... [--token-key KEY] [--rate N] [--search] [--json FILE] [--html FILE])",
     RunBenchCommand},
    {"healthcheck",
     R"(
  parley healthcheck       ask the running server whether it is ready [--probe livez] [--timeout 3s])",
     RunHealthcheckCommand},
    {"config",
     R"(
  parley config check      report every error in the configuration
  parley config print      print the effective configuration, with the source of each value
  parley config docs       print the reference of all options)",
     ConfigOfProcess},
};

void PrintHelp(std::ostream& out) {
  out << "Parley, a self-hosted real-time messaging server.\n";
  for (const Subcommand& row : kCommands) out << row.help;
  out << "\n  parley --version         print the version\n\n"
         "`parley serve --help` lists the options.\n";
}

}  // namespace

int RunCommand(const Args& args, std::ostream& out, std::ostream& err) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    PrintHelp(out);
    return args.empty() ? 2 : 0;
  }
  const std::string& command = args[0];
  if (command == "--version" || command == "version") {
    out << "parley " PARLEY_VERSION "\n";
    return 0;
  }
  const auto* const row = std::ranges::find(kCommands, command, &Subcommand::name);
  if (row != std::end(kCommands)) return row->run({args.begin() + 1, args.end()}, out, err);
  err << "parley: unknown command '" << command << "'\n\n";
  PrintHelp(err);
  return 2;
}

}  // namespace parley

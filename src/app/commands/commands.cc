#include "app/commands/commands.h"

#include "app/commands/config_command.h"
#include "config/config_loader.h"

namespace parley {
namespace {

constexpr const char* kHelp =
    R"(Parley, a self-hosted real-time messaging server.

  parley serve             start the server; development needs no configuration
  parley demo              start the server with a seeded example conversation
  parley token --user U    print a signed token [--ttl 1h] [--scope "messaging:service"]
  parley migrate           upgrade the store's schema, or take over the tables of a Django system
                           [--dry-run: only report the changes] [--rollback: undo a takeover]
  parley copy              copy the embedded store into the PostgreSQL database at DATABASE_URL
  parley backup TARGET     back up the store and its files into a new folder, while the server runs
  parley restore SOURCE    make a store from a backup, in an empty data directory
                           [--check: only check that the backup is intact]
  parley status [URL...]   print the nodes, their versions, load and lag as a table [--json]
  parley doctor [URL...]   probe the configuration, its database and Redis, and the way to the URLs
                           [--json] [--token-file FILE] [--ca-file FILE] [--only PROBES] [--skip PROBES]
  parley healthcheck       ask the running server whether it is ready [--probe livez] [--timeout 3s]
  parley trace ID          print when a message was received, committed and delivered, on each node
                           [--url URL]... [--json] [--token-file FILE] [--ca-file FILE]
  parley config check      report every error in the configuration
  parley config print      print the effective configuration, with the source of each value
  parley config docs       print the reference of all options
  parley --version         print the version

`parley serve --help` lists the options.
)";

}  // namespace

int RunCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    out << kHelp;
    return args.empty() ? 2 : 0;
  }
  const std::string& command = args[0];
  const std::vector<std::string> rest(args.begin() + 1, args.end());
  if (command == "--version" || command == "version") {
    out << "parley " PARLEY_VERSION "\n";
    return 0;
  }
  if (command == "serve") return RunServeCommand(rest, false, out, err);
  if (command == "demo") return RunServeCommand(rest, true, out, err);
  if (command == "token") return RunTokenCommand(rest, out, err);
  if (command == "migrate") return RunMigrateCommand(rest, out, err);
  if (command == "copy") return RunCopyCommand(rest, out, err);
  if (command == "backup") return RunBackupCommand(rest, out, err);
  if (command == "restore") return RunRestoreCommand(rest, out, err);
  if (command == "status") return RunStatusCommand(rest, out, err);
  if (command == "doctor") return RunDoctorCommand(rest, out, err);
  if (command == "healthcheck") return RunHealthcheckCommand(rest, out, err);
  if (command == "trace") return RunTraceCommand(rest, out, err);
  if (command == "config") return RunConfigCommand(rest, ProcessEnvironment(), out, err);
  err << "parley: unknown command '" << command << "'\n\n" << kHelp;
  return 2;
}

}  // namespace parley

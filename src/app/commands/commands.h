// The commands of `parley`. Each is a function from its arguments to an exit code.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace parley {

// args[0] is the command; without arguments, or with --help, prints the list of commands.
int RunCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

// serve, and demo (serve with a seeded example). Return when the server has stopped.
int RunServeCommand(const std::vector<std::string>& args, bool demo, std::ostream& out,
                    std::ostream& err);
// token --user U [--ttl 1h] [--scope S]: prints a JWT for the configured key.
int RunTokenCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
int RunMigrateCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// backup TARGET, restore SOURCE [--check].
int RunBackupCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
int RunRestoreCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// status [URL...] [--json]: 0 if every node is ready, otherwise 1.
int RunStatusCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// doctor [URL...]: probes the configuration and the URLs. 0: no failure; 1: a failure; 2: invalid arguments.
int RunDoctorCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// trace ID: prints the recorded stages of a message on each node. 1: no node has the message.
int RunTraceCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// bench SCENARIO: 0: all messages arrived once and in order; 1: they did not, or the server failed; 2: invalid
// arguments; 130 or 143: it was interrupted. bench --self-test: 0 if all counts are exact, otherwise 1.
int RunBenchCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
int RunCopyCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);
// healthcheck [--probe livez] [--timeout 3s]: returns 0 if the configured server answers that it is ready.
int RunHealthcheckCommand(const std::vector<std::string>& args, std::ostream& out,
                          std::ostream& err);

}  // namespace parley

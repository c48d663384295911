#include "app/commands/config_command.h"

#include "app/signing_key.h"
#include "config/config_loader.h"
#include "config/config_text.h"

namespace parley {
namespace {

constexpr std::string_view kUsage =
    "usage: parley config check|print|docs [options]\n"
    "  check   report every error in the configuration\n"
    "  print   print the effective configuration as TOML, with the source of each value\n"
    "  docs    print docs/configuration.md\n";

}  // namespace

int RunConfigCommand(const std::vector<std::string>& args,
                     const std::map<std::string, std::string>& environment, std::ostream& out,
                     std::ostream& err) {
  const std::string action = args.empty() ? "" : args.front();
  if (action == "--help" || action == "-h") {
    out << kUsage << "\n" << OptionsHelp({});
    return 0;
  }
  if (action != "check" && action != "print" && action != "docs") {
    err << kUsage;
    return 2;
  }
  if (action == "docs") {
    out << ConfigDocs();
    return 0;
  }
  ConfigResult loaded = LoadConfig({.args = {args.begin() + 1, args.end()},
                                    .environment = environment,
                                    .read_file = DiskFileReader()});
  if (loaded.help) {
    out << kUsage << "\n" << OptionsHelp({});
    return 0;
  }
  if (action == "check" && loaded.ok()) loaded.errors = KeyErrors(loaded.config);
  for (const std::string& note : loaded.notes) err << "note: " << note << "\n";
  for (const std::string& error : loaded.errors) err << "error: " << error << "\n";
  if (!loaded.ok()) return 2;
  out << (action == "print" ? PrintConfig(loaded.config, loaded.sources) : "ok\n");
  return 0;
}

}  // namespace parley

// parley doctor [URL...]: probes the configuration, the services that it names, and the given URLs.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "app/commands/commands.h"
#include "app/commands/url_arguments.h"
#include "app/doctor/report.h"
#include "app/doctor/runner.h"
#include "app/signing_key.h"
#include "config/config_loader.h"
#include "config/config_text.h"

namespace parley {
namespace {

using namespace doctor;

const std::vector<CommandFlag>& DoctorFlags() {
  static const std::vector<CommandFlag> flags = {
      {"--url", "URL", "Probe this URL too; can be repeated, and given without --url.", false},
      {"--json", "", "Print the findings as JSON.", false},
      {"--token-file", "FILE", "A file with the token of a user, for the probes of URLs.", false},
      {"--user", "USER", "The user of the token that the doctor signs itself (parley-doctor).",
       false},
      {"--ca-file", "FILE", "PEM file of the authorities to trust, instead of the system's.",
       false},
      {"--only", "PROBES", "Run only these probes, separated by commas.", false},
      {"--skip", "PROBES", "Do not run these probes.", false}};
  return flags;
}

// Moves URLs and --json out of the arguments; the others are options of the configuration.
struct DoctorArguments {
  std::vector<std::string> urls, rest;
  bool json = false;
};

DoctorArguments DoctorArgumentsIn(const std::vector<std::string>& args) {
  DoctorArguments out;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    const bool value_of_flag = i > 0 && args[i - 1].starts_with("--") && args[i - 1] != "--json" &&
                               args[i - 1].find('=') == arg.npos;
    if (arg == "--json") {
      out.json = true;
    } else if (TakeUrl(args, i, out.urls)) {
      continue;
    } else if (!value_of_flag && (arg.starts_with("http://") || arg.starts_with("https://"))) {
      out.urls.push_back(arg);
    } else {
      out.rest.push_back(arg);
    }
  }
  return out;
}

std::vector<std::string> ProbeNames(const std::string& list, std::vector<std::string>& errors) {
  std::vector<std::string> names;
  for (size_t from = 0; from < list.size();) {
    const size_t comma = std::min(list.find(',', from), list.size());
    const std::string name = list.substr(from, comma - from);
    from = comma + 1;
    const auto is = [&](const Probe& probe) { return probe.name == name; };
    if (std::ranges::none_of(Probes(), is)) errors.push_back("there is not a probe '" + name + "'");
    names.push_back(name);
  }
  return names;
}

std::string TokenIn(const std::string& file, std::vector<std::string>& errors) {
  if (file.empty()) return "";
  std::ifstream in(file);
  std::string token;
  if (!(in >> token)) errors.push_back("--token-file: cannot read a token from " + file);
  return token;
}

// The server of this configuration on this machine; nullopt for Unix sockets and inherited descriptors.
std::optional<Target> LocalTarget(const Config& config) {
  if (config.uds || config.fd || config.port == 0) return std::nullopt;
  const bool any = config.host == "0.0.0.0" || config.host == "::";
  const std::string host = any ? "127.0.0.1" : config.host;
  auto target =
      ParseTarget(fmt::format("{}://{}:{}", config.ssl.certfile.empty() ? "http" : "https",
                              host.find(':') == host.npos ? host : "[" + host + "]", config.port));
  if (!target) return target;
  for (const std::string& name : config.allowed_hosts) {
    if (name.find_first_of("*:/") != name.npos || name.starts_with('.')) continue;
    target->host_header = name;
    break;
  }
  return target;
}

// Adds it to the URLs if it accepts connections.
void AddLocalServer(ProbeInput& input, std::ostream& err) {
  auto target = LocalTarget(input.config);
  if (!target) return;
  input.targets.push_back(*target);
  if (!HasFailed(ProbeTcp(input).findings)) return;
  input.targets.clear();
  err << "parley: no server accepts connections at " << target->url << "; give the URL of one\n";
}

bool IsConfigured(const std::map<std::string, std::string>& sources) {
  return std::ranges::any_of(sources, [](const auto& each) { return each.second != "default"; });
}

}  // namespace

int RunDoctorCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  const DoctorArguments given = DoctorArgumentsIn(args);
  const auto environment = ProcessEnvironment();
  ConfigResult loaded = LoadConfig({given.rest, environment, DiskFileReader(), DoctorFlags()});
  if (loaded.help) {
    out << OptionsHelp(DoctorFlags());
    return 0;
  }
  std::vector<std::string>& errors = loaded.errors;
  if (loaded.ok()) errors = KeyErrors(loaded.config);
  auto& flags = loaded.command_flags;
  RunOptions options{.only = ProbeNames(flags["--only"], errors),
                     .skip = ProbeNames(flags["--skip"], errors)};
  ProbeInput input{.config = loaded.config,
                   .sources = loaded.sources,
                   .ca_file = flags["--ca-file"],
                   .given_token = TokenIn(flags["--token-file"], errors)};
  if (!flags["--user"].empty()) input.user = flags["--user"];
  for (const std::string& url : given.urls) {
    if (auto target = ParseTarget(url)) {
      input.targets.push_back(*std::move(target));
    } else {
      errors.push_back("'" + url + "' is not an http or https URL without user and query");
    }
  }
  for (const std::string& error : errors) err << "parley: " << error << "\n";
  if (!errors.empty()) return 2;

  options.local = given.urls.empty() || IsConfigured(loaded.sources);
  if (given.urls.empty()) AddLocalServer(input, err);
  std::signal(SIGPIPE, SIG_IGN);
  const RunResult result = RunProbes(input, options, [&](const Finding& finding) {
    if (!given.json) out << TextOf(finding) << std::flush;
  });
  out << (given.json ? JsonOf(result.findings) : SummaryOf(result.findings)) << std::flush;
  const int code = HasFailed(result.findings) ? 1 : 0;
  if (result.abandoned) std::_Exit(code);  // a thread of a probe still runs
  return code;
}

}  // namespace parley

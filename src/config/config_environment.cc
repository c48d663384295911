#include <algorithm>
#include <array>

#include "config/config_sources.h"

namespace parley {
namespace {

constexpr std::string_view kPrefix = "PARLEY_";

// Read elsewhere: the file's path by LoadConfig, the others by the Django package, which often shares its
// environment with this server.
constexpr std::array<std::string_view, 4> kNotOptions = {"PARLEY_CONFIG", "PARLEY_URL",
                                                         "PARLEY_BIN", "PARLEY_CA_FILE"};

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Removes `suffix`; returns false if the text does not end with it.
bool CutSuffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// Kubernetes sets environment variables in every container for each Service of the namespace. If a Service is
// called `parley`, or `parley-redis`, they look like options: PARLEY_SERVICE_HOST,
// PARLEY_SERVICE_PORT_HTTP, PARLEY_PORT=tcp://…, PARLEY_PORT_8000_TCP{,_PROTO,_PORT,_ADDR}.
bool IsServiceLink(std::string_view name, std::string_view value) {
  if (name.starts_with("PARLEY_SERVICE_") || name.find("_SERVICE_HOST") != std::string_view::npos ||
      name.find("_SERVICE_PORT") != std::string_view::npos) {
    return true;
  }
  for (std::string_view scheme : {"tcp://", "udp://", "sctp://"}) {
    if (value.starts_with(scheme) && name.find("_PORT") != std::string_view::npos) return true;
  }
  for (std::string_view last : {"_PROTO", "_PORT", "_ADDR"}) {
    if (CutSuffix(name, last)) break;
  }
  if (!CutSuffix(name, "_TCP") && !CutSuffix(name, "_UDP") && !CutSuffix(name, "_SCTP")) {
    return false;
  }
  const size_t number = name.rfind('_');
  return IsDigits(name.substr(number + 1)) && name.substr(0, number).ends_with("_PORT");
}

void ReadGuideVariables(const std::map<std::string, std::string>& environment,
                        SourceFindings& found) {
  for (const Option& option : Options()) {
    for (const std::string& name : SplitList(option.guide, ' ')) {
      const auto set = environment.find(name);
      if (set == environment.end() || set->second.empty()) continue;
      // The guide's third environment: its tests.
      const bool test = option.key == "env" && set->second == "test";
      found.given.push_back(
          {&option, test ? "development" : set->second, SourceLevel::kGuideVariable, name});
      break;
    }
  }
}

// systemd's socket activation (sd_listen_fds(3)): the first socket that it passes is descriptor 3.
void ReadPassedSockets(const std::map<std::string, std::string>& environment,
                       SourceFindings& found) {
  const auto count = environment.find("LISTEN_FDS");
  if (count == environment.end() || !IsDigits(count->second) || count->second == "0") return;
  const auto fd =
      std::ranges::find_if(Options(), [](const Option& option) { return KeyOf(option) == "fd"; });
  found.given.push_back({&*fd, "3", SourceLevel::kVariable, "LISTEN_FDS"});
  if (count->second == "1") return;
  found.notes.push_back("LISTEN_FDS: the first of " + count->second +
                        " sockets is used, the others are ignored");
}

}  // namespace

SourceFindings ReadVariables(const std::map<std::string, std::string>& environment) {
  SourceFindings found;
  ReadGuideVariables(environment, found);
  ReadPassedSockets(environment, found);

  std::map<std::string, const Option*, std::less<>> options;
  std::vector<std::string> names;
  for (const Option& option : Options()) {
    options.emplace(VariableOf(option), &option);
    names.push_back(VariableOf(option));
  }
  for (auto it = environment.lower_bound(std::string(kPrefix));
       it != environment.end() && it->first.starts_with(kPrefix); ++it) {
    const auto& [name, value] = *it;
    if (std::find(kNotOptions.begin(), kNotOptions.end(), name) != kNotOptions.end()) continue;
    if (IsServiceLink(name, value)) continue;
    const auto option = options.find(name);
    if (option == options.end()) {
      const std::string near = Nearest(name, names);
      found.errors.push_back("unknown variable " + name +
                             (near.empty() ? "" : "; did you mean " + near + "?"));
    } else if (!value.empty()) {
      found.given.push_back({option->second, value, SourceLevel::kVariable, name});
    }
  }
  return found;
}

}  // namespace parley

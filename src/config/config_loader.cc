#include "config/config_loader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "config/config_check.h"
#include "config/listen_address.h"

namespace parley {
namespace {

// Shortens a value for a message, on one line.
std::string Shown(const GivenOption& given) {
  if (given.option->secret) return "the value";
  std::string text = given.text.substr(0, 80);
  if (given.text.size() > text.size()) text += "…";
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return "'" + text + "'";
}

class Loading {
 public:
  explicit Loading(const ConfigRequest& request) : request_(request) {}

  ConfigResult Load() {
    FlagFindings flags = ReadFlags(request_.args, request_.command_flags);
    result_.help = flags.help;
    if (result_.help) return std::move(result_);
    result_.command_flags = std::move(flags.command_flags);
    ReadFile(flags.config_path);
    Merge(ReadVariables(request_.environment));
    Merge(flags);
    ExpandHosts(given_, result_.errors);
    ChooseListener(given_, result_.errors, result_.notes);
    Apply();
    CheckFindings checked = CheckConfig(result_.config, result_.sources);
    std::move(checked.errors.begin(), checked.errors.end(), std::back_inserter(result_.errors));
    std::move(checked.notes.begin(), checked.notes.end(), std::back_inserter(result_.notes));
    return std::move(result_);
  }

 private:
  void ReadFile(const std::string& flag) {
    const auto variable = request_.environment.find("PARLEY_CONFIG");
    std::string path = "parley.toml", where;
    if (variable != request_.environment.end() && !variable->second.empty()) {
      path = variable->second;
      where = "PARLEY_CONFIG";
    }
    if (!flag.empty()) {
      path = flag;
      where = "--config";
    }
    const auto text = request_.read_file(path);
    if (text) return Merge(ReadConfigFile(*text, path));
    if (where.empty() && text.error() == std::errc::no_such_file_or_directory) return;
    result_.errors.push_back((where.empty() ? "" : where + ": ") + path + ": " +
                             text.error().message());
  }

  void Merge(const SourceFindings& found) {
    given_.insert(given_.end(), found.given.begin(), found.given.end());
    result_.errors.insert(result_.errors.end(), found.errors.begin(), found.errors.end());
    result_.notes.insert(result_.notes.end(), found.notes.begin(), found.notes.end());
  }

  void Apply() {
    std::stable_sort(given_.begin(), given_.end(),
                     [](const GivenOption& a, const GivenOption& b) { return a.level < b.level; });
    for (const Option& option : Options()) result_.sources[KeyOf(option)] = "default";
    // The defaults, and which values are ignored, depend on env.
    const Option* const env = FindOption("env");
    ApplyAll(*env);
    for (const Option& option : Options()) {
      if (&option == env) continue;
      if (result_.config.production() && !option.production.empty()) {
        option.field.set(result_.config, ParseFor(option, option.production).value());
      }
      ApplyAll(option);
    }
  }

  // In order of precedence. Invalid values are reported even if another source overrides them, except for the
  // guide's names: Django uses them too, with values that may be valid only there.
  void ApplyAll(const Option& option) {
    std::vector<const GivenOption*> given;
    for (const GivenOption& one : given_) {
      if (one.option == &option) given.push_back(&one);
    }
    for (const GivenOption* one : given) {
      const bool overridden = given.back()->level > one->level;
      if (overridden && one->level == SourceLevel::kGuideVariable) continue;
      if (option.availability == Availability::kToday) {
        Set(*one);
      } else {
        Postpone(*one);
      }
    }
  }

  void Set(const GivenOption& given) {
    const Option& option = *given.option;
    const auto value = ParseFor(option, given.text);
    if (!value) {
      result_.errors.push_back(given.where + ": " + KeyOf(option) + ": " + Shown(given) + " " +
                               value.error());
      return;
    }
    option.field.set(result_.config, *value);
    result_.sources[KeyOf(option)] = given.where;
    if (option.secret && given.level == SourceLevel::kFlag) {
      result_.notes.push_back(
          given.where + ": " + KeyOf(option) +
          ": secrets on the command line are visible to other users of this machine");
    }
  }

  void Postpone(const GivenOption& given) {
    const Option& option = *given.option;
    const bool ignored = given.level == SourceLevel::kGuideVariable ||
                         (given.level < SourceLevel::kFlag && !result_.config.production());
    std::string message = given.where + ": " + KeyOf(option) + ": not available in this version";
    if (ignored) message += ", ignored";
    if (!option.meanwhile.empty()) message += ": " + std::string(option.meanwhile);
    (ignored ? result_.notes : result_.errors).push_back(std::move(message));
  }

  const ConfigRequest& request_;
  std::vector<GivenOption> given_;
  ConfigResult result_;
};

}  // namespace

ConfigResult LoadConfig(const ConfigRequest& request) { return Loading(request).Load(); }

FileReader DiskFileReader() {
  return [](const std::string& path) -> tl::expected<std::string, std::error_code> {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    try {
      if (file) text.assign(std::istreambuf_iterator<char>(file), {});
    } catch (const std::ios_base::failure& failure) {  // a directory, a failing disk
      return tl::unexpected(failure.code());
    }
    if (file && !file.bad()) return text;
    return tl::unexpected(std::error_code(errno != 0 ? errno : EIO, std::generic_category()));
  };
}

std::map<std::string, std::string> ProcessEnvironment() {
  std::map<std::string, std::string> environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  // Sockets that systemd passed to another process, from which this one inherited the variables.
  const auto process = environment.find("LISTEN_PID");
  if (process == environment.end() || process->second != std::to_string(::getpid())) {
    environment.erase("LISTEN_FDS");
  }
  return environment;
}

}  // namespace parley

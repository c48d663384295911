#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>

#include "config/config_sources.h"

namespace parley {
namespace {

// `package.asgi:application`, the argument of ASGI servers.
bool IsApplication(std::string_view text) {
  const size_t colon = text.find(':');
  const auto dotted = [](std::string_view path) {
    return !path.empty() && std::isdigit(static_cast<unsigned char>(path[0])) == 0 &&
           std::all_of(path.begin(), path.end(), [](unsigned char c) {
             return std::isalnum(c) != 0 || c == '_' || c == '.';
           });
  };
  return colon != std::string_view::npos && dotted(text.substr(0, colon)) &&
         dotted(text.substr(colon + 1));
}

struct ForeignFlag {
  std::string_view spelling;
  bool has_value;
};

// Flags of Daphne, Uvicorn and Hypercorn that have no effect here.
constexpr auto kForeignFlags = std::to_array<ForeignFlag>({
    {"--loop", true},
    {"--lifespan", true},
    {"--http", true},
    {"--ws", true},
    {"--interface", true},
    {"--root-path", true},
    {"-v", true},
    {"--verbosity", true},
    {"--limit-max-requests", true},
    {"--limit-max-requests-jitter", true},
    {"--websocket_timeout", true},
    {"--websocket_connect_timeout", true},
    {"--websocket-max-message-size", true},
    {"--websocket-max-frame-size", true},
    {"-t", true},
    {"--http-timeout", true},
    {"--application-close-timeout", true},
    {"--log-fmt", true},
    {"--proxy-headers-host", true},
    {"--proxy-headers-port", true},
    {"-s", true},
    {"--server-name", true},
    {"--no-server-name", false},
    {"--ws-max-queue", true},
    {"--header", true},
    {"--log-config", true},
    {"--h11-max-incomplete-event-size", true},
    {"--env-file", true},
    {"--app-dir", true},
    {"--reload", false},
    {"--reload-dir", true},
    {"--reload-include", true},
    {"--reload-exclude", true},
    {"--reload-delay", true},
    {"--timeout-worker-healthcheck", true},
    {"--factory", false},
    {"--server-header", false},
    {"--no-server-header", false},
    {"--date-header", false},
    {"--no-date-header", false},
    {"--use-colors", false},
    {"--no-use-colors", false},
    {"--ssl-version", true},
    {"--ssl-ciphers", true},
    {"-k", true},
    {"--worker-class", true},
    {"--max-app-queue-size", true},
    {"--startup-timeout", true},
    {"--shutdown-timeout", true},
    {"--h11-max-incomplete-size", true},
    {"--h2-max-concurrent-streams", true},
    {"--quic-bind", true},
    {"--insecure-bind", true},
    {"--access-logfile", true},
    {"--access-logformat", true},
    {"--error-log", true},
    {"--error-logfile", true},
    {"--log-file", true},
    {"--ciphers", true},
    {"-c", true},
    {"--debug", false},
    {"-g", true},
    {"--group", true},
    {"-m", true},
    {"--umask", true},
    {"--user", true},
    {"--read-timeout", true},
    {"--max-requests", true},
    {"--max-requests-jitter", true},
    {"--pid", true},
    {"--statsd-host", true},
    {"--statsd-prefix", true},
});

// One parse of a command line. CLI11 splits it into flags and values and gets every spelling as a separate
// option, so that messages name a flag as it was written. All values are optional and unknown arguments are
// allowed, so that it does not stop at the first mistake.
class FlagReading {
 public:
  explicit FlagReading(const std::vector<CommandFlag>& command_flags)
      : command_flags_(command_flags) {
    app_.set_help_flag();
    app_.allow_extras();
    for (const Option& option : Options()) {
      Add(FlagOf(option), &option);
      for (const std::string& spelling : SplitList(option.flags, ' ')) Add(spelling, &option);
    }
    // Daphne's endpoints, which listen_address.cc parses.
    for (const char* endpoint : {"-e", "--endpoint"}) Add(endpoint, FindOption("host"));
    for (const CommandFlag& flag : command_flags) Add(flag.name, nullptr);
    Add("--config", nullptr);
    for (const ForeignFlag& foreign : kForeignFlags) {
      const auto is_it = [&](const CommandFlag& flag) { return flag.name == foreign.spelling; };
      if (std::ranges::none_of(command_flags, is_it)) AddForeign(foreign);
    }
    app_.add_flag("-h,--help");
  }

  FlagFindings Read(const std::vector<std::string>& args) {
    std::vector<std::string> prepared = Prepare(args);
    std::reverse(prepared.begin(), prepared.end());  // in CLI11's order
    try {
      app_.parse(std::move(prepared));
    } catch (const CLI::ParseError& error) {
      found_.errors.push_back(error.what());
    }
    TakeValues();
    TakeRest();
    for (const CommandFlag& flag : command_flags_) {
      if (flag.required && !found_.command_flags.contains(flag.name)) {
        found_.errors.push_back(flag.name + " " + flag.value + " is required");
      }
    }
    found_.help = app_.count("--help") > 0;
    return std::move(found_);
  }

 private:
  void AddForeign(const ForeignFlag& foreign) {
    const std::string spelling(foreign.spelling);
    CLI::Option* const flag = foreign.has_value
                                  ? app_.add_option(spelling, CLI::callback_t())->expected(0, 1)
                                  : app_.add_flag(spelling);
    flag->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    foreign_[flag] = spelling;
    spellings_.push_back(spelling);
  }

  void Add(const std::string& spelling, const Option* option) {
    spellings_.push_back(spelling);
    if (option != nullptr && option->kind == OptionKind::kSwitch) {
      rows_[app_.add_flag(spelling)] = {spelling, option};
      const std::string negative = "--no-" + spelling.substr(2);
      rows_[app_.add_flag(negative)] = {negative, option};
      switches_.push_back(spelling);
      return;
    }
    CLI::Option* flag = app_.add_option(spelling, CLI::callback_t());
    flag->expected(0, 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    rows_[flag] = {spelling, option};
  }

  // Joins a switch and its value (`--rate-limits off`; Daphne's `--access-log -`), which CLI11 would parse as
  // a positional argument, and finds `--flag=` before CLI11 assigns the next argument to it.
  std::vector<std::string> Prepare(const std::vector<std::string>& args) {
    std::vector<std::string> prepared;
    for (size_t i = 0; i < args.size(); ++i) {
      const std::string& arg = args[i];
      if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
        found_.errors.push_back(arg.substr(0, arg.size() - 1) + ": requires a value");
        continue;
      }
      if (arg == "--access-log" || arg.starts_with("--access-log=")) {
        const bool next = arg == "--access-log" && i + 1 < args.size() &&
                          (args[i + 1] == "-" || !args[i + 1].starts_with('-')) &&
                          args[i + 1].find(':') == std::string::npos;
        if (next) ++i;
        prepared.push_back("--access-log=" + AccessLogWord(next              ? args[i]
                                                           : arg.size() > 13 ? arg.substr(13)
                                                                             : "on"));
        continue;
      }
      const bool is_switch = std::find(switches_.begin(), switches_.end(), arg) != switches_.end();
      const bool has_word = i + 1 < args.size() && !IsApplication(args[i + 1]) &&
                            (args[i + 1] == "-" || !args[i + 1].starts_with('-'));
      if (is_switch && has_word) {
        ++i;
        prepared.push_back(arg + "=" + (args[i] == "-" ? "on" : args[i]));
      } else {
        prepared.push_back(arg);
      }
    }
    return prepared;
  }

  // Daphne's value is a file name.
  std::string AccessLogWord(const std::string& word) {
    if (word == "-") return "on";
    if (ParseOptionValue(OptionKind::kSwitch, word, {}, "")) return word;
    found_.notes.push_back("--access-log " + word +
                           ": the access log is written to standard error, not to a file");
    return "on";
  }

  void TakeValues() {
    std::map<const CLI::Option*, size_t> seen;
    for (const CLI::Option* flag : app_.parse_order()) {
      if (const auto foreign = foreign_.find(flag); foreign != foreign_.end()) {
        if (seen[flag]++ == 0) {
          found_.notes.push_back(foreign->second + " is ignored: it does not apply to Parley");
        }
        continue;
      }
      const auto row = rows_.find(flag);
      if (row == rows_.end()) continue;
      const auto& [spelling, option] = row->second;
      const std::string value = flag->results().at(seen[flag]++);
      if (value.empty()) {
        found_.errors.push_back(spelling + ": requires a value");
      } else if (option != nullptr) {
        Take(*option, spelling, value);
      } else if (spelling == "--config") {
        found_.config_path = value;
      } else {
        found_.command_flags[spelling] = value;
      }
    }
  }

  void Take(const Option& option, const std::string& spelling, std::string value) {
    if (option.kind == OptionKind::kSwitch && spelling.starts_with("--no-")) {
      if (value != "true") found_.errors.push_back(spelling + ": does not take a value");
      value = "off";
    }
    const auto earlier = std::find_if(found_.given.begin(), found_.given.end(),
                                      [&](const GivenOption& g) { return g.option == &option; });
    if (option.kind == OptionKind::kList && earlier != found_.given.end()) {
      earlier->text += "," + value;
      return;
    }
    found_.given.push_back({&option, std::move(value), SourceLevel::kFlag, spelling});
  }

  // Collects what CLI11 does not parse: misspelt flags with their values, and arguments.
  void TakeRest() {
    bool after_unknown = false;
    for (const std::string& arg : app_.remaining()) {
      if (arg.size() > 1 && arg.starts_with('-')) {
        const std::string flag = arg.substr(0, arg.find('='));
        const std::string near = flag.size() > 3 ? Nearest(flag, spellings_) : "";
        found_.errors.push_back("unknown flag " + flag +
                                (near.empty() ? "" : "; did you mean " + near + "?"));
        after_unknown = true;
        continue;
      }
      if (IsApplication(arg)) {
        found_.notes.push_back("'" + arg + "' is ignored: Parley does not run Python applications");
      } else if (!after_unknown) {
        found_.errors.push_back("unexpected argument '" + arg + "'");
      }
      after_unknown = false;
    }
  }

  struct Row {
    std::string spelling;
    const Option* option;  // nullptr: --config or the command's own
  };
  const std::vector<CommandFlag>& command_flags_;
  CLI::App app_;
  std::map<const CLI::Option*, Row> rows_;
  std::map<const CLI::Option*, std::string> foreign_;
  std::vector<std::string> spellings_, switches_;
  FlagFindings found_;
};

}  // namespace

FlagFindings ReadFlags(const std::vector<std::string>& args,
                       const std::vector<CommandFlag>& command_flags) {
  return FlagReading(command_flags).Read(args);
}

}  // namespace parley

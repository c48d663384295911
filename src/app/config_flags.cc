#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "app/config_sources.h"

namespace parley {
namespace {

// `package.asgi:application`, what ASGI servers are told to run.
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

// One reading of one command line. CLI11 splits it into flags and values and is told of every
// spelling apart, so that messages name a flag as it was written; it is kept from stopping at the
// first mistake by letting every value be absent and every argument be unknown.
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
    for (const CommandFlag& flag : command_flags) Add(flag.name, nullptr);
    Add("--config", nullptr);
    app_.add_flag("-h,--help");
  }

  FlagFindings Read(const std::vector<std::string>& args) {
    std::vector<std::string> prepared = Prepare(args);
    std::reverse(prepared.begin(), prepared.end());  // as CLI11 wants them
    try {
      app_.parse(std::move(prepared));
    } catch (const CLI::ParseError& error) {
      found_.errors.push_back(error.what());
    }
    TakeValues();
    TakeRest();
    for (const CommandFlag& flag : command_flags_) {
      if (flag.required && !found_.command_flags.contains(flag.name)) {
        found_.errors.push_back(flag.name + " " + flag.value + " is needed");
      }
    }
    found_.help = app_.count("--help") > 0;
    return std::move(found_);
  }

 private:
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

  // Joins a switch and its word (`--rate-limits off`; Daphne's `--access-log -`), which CLI11 would
  // take for an argument of its own, and finds `--flag=` before CLI11 gives it what follows.
  std::vector<std::string> Prepare(const std::vector<std::string>& args) {
    std::vector<std::string> prepared;
    for (size_t i = 0; i < args.size(); ++i) {
      const std::string& arg = args[i];
      if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
        found_.errors.push_back(arg.substr(0, arg.size() - 1) + ": needs a value");
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

  void TakeValues() {
    std::map<const CLI::Option*, size_t> seen;
    for (const CLI::Option* flag : app_.parse_order()) {
      const auto row = rows_.find(flag);
      if (row == rows_.end()) continue;
      const auto& [spelling, option] = row->second;
      const std::string value = flag->results().at(seen[flag]++);
      if (value.empty()) {
        found_.errors.push_back(spelling + ": needs a value");
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
      if (value != "true") found_.errors.push_back(spelling + ": takes no value");
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

  // What CLI11 knows nothing about: misspelt flags with their values, and arguments.
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
        found_.notes.push_back("'" + arg + "' is ignored: Parley serves no Python application");
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
  std::vector<std::string> spellings_, switches_;
  FlagFindings found_;
};

}  // namespace

FlagFindings ReadFlags(const std::vector<std::string>& args,
                       const std::vector<CommandFlag>& command_flags) {
  return FlagReading(command_flags).Read(args);
}

}  // namespace parley

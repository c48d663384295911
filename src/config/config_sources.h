// Readers of the three sources of options: file, environment, flags. Each returns the given options and
// errors in their names; values are validated later. Pure functions.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace parley {

// Levels in order of precedence: later ones override earlier ones.
enum class SourceLevel { kFile, kGuideVariable, kVariable, kFlag };

struct GivenOption {
  const Option* option;
  std::string text;  // as written; lists with commas
  SourceLevel level;
  std::string where;  // "parley.toml:3", "PARLEY_PORT", "--port"
};

struct SourceFindings {
  std::vector<GivenOption> given;
  std::vector<std::string> errors;
  std::vector<std::string> notes;
};

// A flag of one command, in addition to the options: `--user` of `parley token`. It has a value.
struct CommandFlag {
  std::string name;   // "--user"
  std::string value;  // placeholder of the value in --help: "USER"
  std::string doc;
  bool required = false;
};

struct FlagFindings : SourceFindings {
  std::map<std::string, std::string> command_flags;  // "--user" -> "alice", for given flags
  std::string config_path;                           // --config; empty if not given
  bool help = false;                                 // --help or -h
};

// Reads TOML 1.0; messages name the file as `path`.
SourceFindings ReadConfigFile(std::string_view text, const std::string& path);

// Reads PARLEY_* and the names of Django deployments. An empty variable counts as unset.
SourceFindings ReadVariables(const std::map<std::string, std::string>& environment);

// `args`: the arguments after the command. Values of a repeated list are joined; of other repeated
// flags, the last value counts.
FlagFindings ReadFlags(const std::vector<std::string>& args,
                       const std::vector<CommandFlag>& command_flags);

}  // namespace parley

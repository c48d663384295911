// The three places where options are given, each read on its own: what was given there, under which
// names, and what is wrong with the names. Values are checked later, together. Pure functions.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/option_table.h"

namespace parley {

// In order of precedence: a later one wins.
enum class SourceLevel { kFile, kGuideVariable, kVariable, kFlag };

struct GivenOption {
  const Option* option;
  std::string text;  // as people write it; lists with commas
  SourceLevel level;
  std::string where;  // "parley.toml:3", "PARLEY_PORT", "--port"
};

struct SourceFindings {
  std::vector<GivenOption> given;
  std::vector<std::string> errors;
  std::vector<std::string> notes;
};

// A flag that one command takes beside the options: `--user` of `parley token`. It has a value.
struct CommandFlag {
  std::string name;   // "--user"
  std::string value;  // what the value is, for --help: "USER"
  std::string doc;
  bool required = false;
};

struct FlagFindings : SourceFindings {
  std::map<std::string, std::string> command_flags;  // "--user" -> "alice", those that were given
  std::string config_path;                           // --config; empty when not given
  bool help = false;                                 // --help or -h
};

// TOML 1.0; `path` is how messages name the file.
SourceFindings ReadConfigFile(std::string_view text, const std::string& path);

// PARLEY_* and the guide's names. An empty variable counts as not set.
SourceFindings ReadVariables(const std::map<std::string, std::string>& environment);

// `args`: what follows the command word. A repeated list is joined, of anything else the last
// counts.
FlagFindings ReadFlags(const std::vector<std::string>& args,
                       const std::vector<CommandFlag>& command_flags);

}  // namespace parley

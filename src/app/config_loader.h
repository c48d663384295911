// From what was typed, exported and written to one checked Config. Flags win over environment
// variables, PARLEY_* over the guide's names, the environment over the file, the file over
// defaults.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <vector>

#include "app/config.h"
#include "app/config_sources.h"

namespace parley {

// The whole file, or why not; std::errc::no_such_file_or_directory where there is none.
using FileReader =
    std::function<tl::expected<std::string, std::error_code>(const std::string& path)>;

struct ConfigRequest {
  std::vector<std::string> args;  // after the command word
  std::map<std::string, std::string> environment;
  FileReader read_file;
  std::vector<CommandFlag> command_flags = {};  // the command's own, beside the options
};

struct ConfigResult {
  Config config;                               // meaningful where there are no errors
  std::vector<std::string> errors;             // everything that is wrong, one line each: exit 2
  std::vector<std::string> notes;              // to be shown at start
  std::map<std::string, std::string> sources;  // key -> "default", "--port", "parley.toml:3"
  std::map<std::string, std::string> command_flags;  // "--user" -> "alice", those that were given
  bool help = false;                                 // --help was given: nothing else was looked at

  bool ok() const { return errors.empty(); }
};

// Pure: touches nothing but what the request hands in. The file is --config, else PARLEY_CONFIG,
// else parley.toml where that is there.
ConfigResult LoadConfig(const ConfigRequest& request);

// The real things to hand in.
FileReader DiskFileReader();
std::map<std::string, std::string> ProcessEnvironment();

}  // namespace parley

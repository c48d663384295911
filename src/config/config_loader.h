// Loads and validates the configuration. Flags override environment variables, which override the file,
// which overrides the defaults; PARLEY_* variables override the names of Django deployments.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.h"
#include "config/config_sources.h"

namespace parley {

// Returns the content of a file, or an error; std::errc::no_such_file_or_directory if it does not exist.
using FileReader =
    std::function<tl::expected<std::string, std::error_code>(const std::string& path)>;

struct ConfigRequest {
  std::vector<std::string> args;  // after the command word
  std::map<std::string, std::string> environment;
  FileReader read_file;
  std::vector<CommandFlag> command_flags = {};  // flags of the command, in addition to options
};

struct ConfigResult {
  Config config;                                     // valid if there are no errors
  std::vector<std::string> errors;                   // all errors, one line each; exit code 2
  std::vector<std::string> notes;                    // shown at start
  std::map<std::string, std::string> sources;        // key -> "default", "--port", "parley.toml:3"
  std::map<std::string, std::string> command_flags;  // "--user" -> "alice", for given flags
  bool help = false;                                 // --help was given; nothing else was processed

  bool ok() const { return errors.empty(); }
};

// Only uses the inputs in the request. The file is --config, else PARLEY_CONFIG, else parley.toml if it
// exists.
ConfigResult LoadConfig(const ConfigRequest& request);

// The file reader and environment of the process.
FileReader DiskFileReader();
std::map<std::string, std::string> ProcessEnvironment();

}  // namespace parley

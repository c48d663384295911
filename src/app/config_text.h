// The option table and a configuration, for people to read.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/config_sources.h"

namespace parley {

// All options as --help shows them, by section; a command's own flags first.
std::string OptionsHelp(const std::vector<CommandFlag>& command_flags);

// A parley.toml that says what is in force, with the source of each value as a comment; secrets are
// "***", what is not set is a comment.
std::string PrintConfig(const Config& config, const std::map<std::string, std::string>& sources);

// docs/configuration.md.
std::string ConfigDocs();

}  // namespace parley

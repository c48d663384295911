// Renders the option table and a configuration as text.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/config_sources.h"

namespace parley {

// The text of --help: flags of the command, then all options by section.
std::string OptionsHelp(const std::vector<CommandFlag>& command_flags);

// The effective configuration as parley.toml, with the source of each value as a comment. Secrets are
// "***"; unset options are comments.
std::string PrintConfig(const Config& config, const std::map<std::string, std::string>& sources);

// The content of docs/configuration.md.
std::string ConfigDocs();

}  // namespace parley

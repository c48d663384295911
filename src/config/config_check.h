// Checks between options, and the checks of production.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace parley {

struct CheckFindings {
  std::vector<std::string> errors, notes;
};

// `sources` has the source of each value, for the messages.
CheckFindings CheckConfig(const Config& config, const std::map<std::string, std::string>& sources);

}  // namespace parley

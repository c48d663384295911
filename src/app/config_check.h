// Rules between options, and what production refuses (product.md §7).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/config.h"

namespace parley {

struct CheckFindings {
  std::vector<std::string> errors, notes;
};

// `sources` names where each key's value came from, for the messages.
CheckFindings CheckConfig(const Config& config, const std::map<std::string, std::string>& sources);

}  // namespace parley

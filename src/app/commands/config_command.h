// `parley config check|print|docs`.
#pragma once
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace parley {

// `args`: the arguments after `config`. Returns the exit code: 0, or 2 for an invalid configuration or
// usage.
int RunConfigCommand(const std::vector<std::string>& args,
                     const std::map<std::string, std::string>& environment, std::ostream& out,
                     std::ostream& err);

}  // namespace parley

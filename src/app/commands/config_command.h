// `parley config check|print|docs`.
#pragma once
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace parley {

// `args`: after the word `config`. Returns the exit code: 0, or 2 for a wrong configuration or a
// wrong call.
int RunConfigCommand(const std::vector<std::string>& args,
                     const std::map<std::string, std::string>& environment, std::ostream& out,
                     std::ostream& err);

}  // namespace parley

// --url, which commands accept several times. Threads: any.
#pragma once
#include <string>
#include <vector>

namespace parley {

// If args[i] is "--url" with a following word, or "--url=X", adds the URL and moves `i` to the last word that
// was taken. Returns false if it is another argument.
inline bool TakeUrl(const std::vector<std::string>& args, size_t& i,
                    std::vector<std::string>& urls) {
  if (args[i] == "--url" && i + 1 < args.size()) {
    urls.push_back(args[++i]);
    return true;
  }
  if (!args[i].starts_with("--url=")) return false;
  urls.push_back(args[i].substr(6));
  return true;
}

}  // namespace parley

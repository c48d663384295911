#include "config/issuer_entry.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/ids.h"
#include "config/config_value.h"

namespace parley {

tl::expected<IssuerEntry, std::string> ParseIssuerEntry(std::string_view text) {
  constexpr std::string_view kForm = "ISSUER ALGORITHM KEYS [AUDIENCE] [service] [prefix=TEXT]";
  constexpr std::string_view kAlgorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                              "PS512", "ES256", "ES384", "ES512", "EdDSA"};
  constexpr std::string_view kPrefix = "prefix=", kAudience = "audience=";
  const auto wrong = [&](std::string what) {
    return tl::unexpected("contains '" + std::string(text) + "', " + std::move(what));
  };
  const std::vector<std::string> words = SplitList(std::string(text), ' ');
  if (words.size() < 3) return wrong("which is not " + std::string(kForm));
  IssuerEntry entry{.issuer = words[0], .algorithm = words[1], .keys = words[2]};
  if (std::ranges::find(kAlgorithms, entry.algorithm) == std::end(kAlgorithms)) {
    return wrong("whose '" + entry.algorithm + "' is not an algorithm with a public key");
  }
  for (size_t i = 3; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "service" && !entry.service) {
      entry.service = true;
    } else if (word.starts_with(kPrefix) && entry.user_prefix.empty()) {
      entry.user_prefix = word.substr(kPrefix.size());
      // With room for an id of 36 characters behind it.
      if (!ParseUserId(entry.user_prefix + "x") || entry.user_prefix.size() > kUserIdBytes - 36) {
        return wrong("whose prefix is too long or contains a character that user ids cannot have");
      }
    } else if (entry.audience.empty() && word != "service" && !word.starts_with(kPrefix)) {
      entry.audience = word.starts_with(kAudience) ? word.substr(kAudience.size()) : word;
    } else {
      return wrong("which is not " + std::string(kForm));
    }
  }
  return entry;
}

}  // namespace parley

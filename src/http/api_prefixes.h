// The prefixes under which the API answers (api_prefixes). Routes are written with kApiPrefix; a path under
// another prefix is the same route. Immutable, thread-safe.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace parley {

inline constexpr std::string_view kApiPrefix = "/api/messaging";

class ApiPrefixes {
 public:
  // Each begins with a slash and ends without one. Not empty.
  explicit ApiPrefixes(const std::vector<std::string>& prefixes);

  // The prefix under which a path of these segments was asked for; the segments then begin as routes
  // do. Empty for a path of something else. nullptr for one that begins as routes do though
  // kApiPrefix is not served.
  const std::string* Normalize(std::vector<std::string>& segments) const;

  const std::string& first() const { return prefixes_.front().text; }

 private:
  struct Prefix {
    std::string text;
    std::vector<std::string> segments;
  };
  std::vector<Prefix> prefixes_;
  std::vector<std::string> canonical_;
  std::string none_;
};

}  // namespace parley

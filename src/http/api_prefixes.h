// The path prefixes of the API (option api_prefixes). Routes are registered with kApiPrefix; a path with
// another prefix matches the same route. Immutable. Threads: any.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace parley {

inline constexpr std::string_view kApiPrefix = "/api/messaging";

class ApiPrefixes {
 public:
  // Each prefix begins with a slash and does not end with one. The list must not be empty.
  explicit ApiPrefixes(const std::vector<std::string>& prefixes);

  // Returns the prefix of a path with these segments and replaces it by kApiPrefix. Returns an empty
  // string for other paths, and nullptr for a path with kApiPrefix if that prefix is not configured.
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

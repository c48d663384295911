// A URL that `parley doctor` probes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace parley::doctor {

struct Target {
  std::string url;   // as given, without a trailing slash
  std::string host;  // a name or address, without brackets
  uint16_t port = 0;
  bool tls = false;
  std::string host_header;  // empty: that of the URL
};

// Accepts http and https URLs without user, query and fragment. Returns nullopt otherwise.
std::optional<Target> ParseTarget(const std::string& url);

}  // namespace parley::doctor

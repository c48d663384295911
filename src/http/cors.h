// Cross-origin resource sharing (Fetch standard, "CORS protocol"): which pages of other origins may
// read answers. Immutable, thread-safe.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

struct CorsOptions {
  // Exact origins ("https://app.example.com"), or "*" alone for all, then without credentials.
  std::vector<std::string> allowed_origins;
  // Allows also the server's own origin and http://localhost and http://127.0.0.1 on any port.
  bool local_origins = false;
};

class CorsPolicy {
 public:
  explicit CorsPolicy(CorsOptions options);

  // `origin`: the request's one Origin header, if any; `host`: its Host header.
  bool Allows(std::optional<std::string_view> origin, std::string_view host) const;
  // Header lines, each with its CRLF, for every answer to such a request: an origin that is not
  // allowed is never reflected. Empty when CORS is off.
  std::string Headers(std::optional<std::string_view> origin, std::string_view host) const;
  // Header lines that a preflight's answer has besides. `methods`: those of the route.
  static std::string PreflightHeaders(std::string_view methods);

 private:
  bool any_ = false;
  const bool local_;
  std::vector<std::string> origins_;  // lower case, without the scheme's own port
};

}  // namespace parley

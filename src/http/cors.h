// Cross-origin resource sharing (Fetch standard, "CORS protocol"): the origins whose pages can read
// responses. Immutable. Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

struct CorsOptions {
  // Exact origins ("https://app.example.com"), or only "*" for all origins, without credentials.
  std::vector<std::string> allowed_origins;
  // Also allows the server's own origin, and http://localhost and http://127.0.0.1 on any port.
  bool local_origins = false;
};

class CorsPolicy {
 public:
  explicit CorsPolicy(CorsOptions options);

  // `origin`: the request's single Origin header, if present; `host`: its Host header.
  bool Allows(std::optional<std::string_view> origin, std::string_view host) const;
  // The header lines, each with CRLF, for responses to such a request. An origin that is not allowed is
  // never reflected. Empty if CORS is off.
  std::string Headers(std::optional<std::string_view> origin, std::string_view host) const;
  // The additional header lines of a preflight response. `methods`: the methods of the route.
  static std::string PreflightHeaders(std::string_view methods);

 private:
  bool any_ = false;
  const bool local_;
  std::vector<std::string> origins_;  // lower case, without the scheme's default port
};

}  // namespace parley

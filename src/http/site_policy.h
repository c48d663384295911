// Checks Host, Origin and HTTPS of a request, before any handler and before any upgrade. Immutable.
// Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/request.h"

namespace parley {

struct SiteOptions {
  bool production = false;
  // As in Django's ALLOWED_HOSTS: a name, ".domain" with all its subdomains, or "*"; an entry can have a
  // scheme and a port ("https://a.example:8443"), which an Origin must then match. If empty: in
  // development local names (and IP addresses as Host); in production any Host, and Origins equal to it.
  std::vector<std::string> allowed_hosts;
  bool trust_proxy_headers = false;
  std::vector<std::string> trusted_proxies;  // addresses, networks (10.0.0.0/8), or "*"
  bool allow_plain_http = false;
};

class SitePolicy {
 public:
  explicit SitePolicy(SiteOptions options);

  // Errors: bad_host, https_required.
  std::optional<Error> CheckRequest(const Request& request) const;
  // Checks the Origin of an upgrade, like Channels' AllowedHostsOriginValidator: by its host, with any
  // scheme and port unless the allowed entry has them. A missing Origin is accepted, because native clients
  // send none. Errors: foreign_origin.
  std::optional<Error> CheckOrigin(const Request& request) const;
  // The client's address: the peer's, or, from a trusted proxy, the rightmost address in
  // X-Forwarded-For that is not a trusted proxy. Empty for a Unix socket without X-Forwarded-For.
  std::string ClientAddress(const Request& request) const;

 private:
  struct Allowed {
    std::string scheme;  // empty: any
    std::string name;    // lower case; "*", ".domain" or a name
    std::string port;    // empty: any, or the scheme's own where a scheme is named
  };

  bool HostAllowed(std::string_view name) const;
  bool IsTrusted(std::string_view address) const;
  bool FromTrustedProxy(const Request& request) const;

  const SiteOptions options_;
  std::vector<Allowed> allowed_;
  bool any_allowed_ = false;
};

}  // namespace parley

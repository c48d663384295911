// Whom this server answers: Host, Origin, and whether a request came over HTTPS. Checked before any
// handler and before any upgrade (product.md §4, §7; faults.md WS1). Immutable, thread-safe.
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
  // As Django's ALLOWED_HOSTS: a name, ".domain" with all its subdomains, or "*". Empty: in
  // development local names and IP addresses; in production any Host, and Origins equal to it.
  std::vector<std::string> allowed_hosts;
  bool trust_proxy_headers = false;
  std::vector<std::string> trusted_proxies;  // addresses, networks (10.0.0.0/8), or "*"
  bool allow_plain_http = false;
};

class SitePolicy {
 public:
  explicit SitePolicy(SiteOptions options) : options_(std::move(options)) {}

  // Errors: bad_host, https_required.
  std::optional<Error> CheckRequest(const Request& request) const;
  // The client's address: of X-Forwarded-For the rightmost one that is not a trusted proxy, if the
  // peer is one; else the peer's. Empty for a Unix socket's peer without that header.
  std::string ClientAddress(const Request& request) const;
  // For an upgrade. No Origin passes: native clients send none. Errors: foreign_origin.
  std::optional<Error> CheckOrigin(const Request& request) const;

 private:
  bool HostAllowed(std::string_view name) const;
  bool FromTrustedProxy(const Request& request) const;
  bool IsTrustedProxy(std::string_view address) const;

  const SiteOptions options_;
};

}  // namespace parley

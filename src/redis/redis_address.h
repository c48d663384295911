// The address and credentials of a Redis, parsed from a URL:
//
//   redis://[[user]:password@]host[:port][/database]         rediss:// with TLS
//   unix://[[user]:password@]/path/to/socket[?db=database]
//   redis+sentinel://[[user]:password@]host[:port],.../master[/database]   rediss+sentinel://
//
// Options after `?`: `db`, `ssl_ca_certs` (a PEM file), `ssl_cert_reqs` (`required` | `none`),
// `sentinel_password`. User and password can be percent-encoded (RFC 3986).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace parley {

struct RedisEndpoint {
  std::string host;  // the path, for a Unix socket
  uint16_t port = 0;
  bool unix_socket = false;
  std::string ToString() const;
};

struct RedisAddress {
  std::vector<RedisEndpoint> endpoints;  // one server, or the Sentinels if `master` is set
  std::string master;                    // its name at the Sentinels
  std::string user, password, sentinel_password;
  int database = 0;
  bool tls = false;
  bool verify = true;   // TLS: verify the server's certificate and name
  std::string ca_file;  // TLS: certificates to use instead of the system's
};

// Parses a URL. The error follows the option's name in a message: "has no host".
tl::expected<RedisAddress, std::string> ParseRedisUrl(std::string_view url);

}  // namespace parley

// Where a Redis is and how to get in, as a URL says it:
//
//   redis://[[user]:password@]host[:port][/database]         rediss:// with TLS
//   unix://[[user]:password@]/path/to/socket[?db=database]
//   redis+sentinel://[[user]:password@]host[:port],.../master[/database]   rediss+sentinel://
//
// Options behind `?`: `db`, `ssl_ca_certs` (a PEM file), `ssl_cert_reqs` (`required` | `none`),
// `sentinel_password`. User and password may be percent-encoded (RFC 3986).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace parley {

struct RedisEndpoint {
  std::string host;  // a path, for a Unix socket
  uint16_t port = 0;
  bool unix_socket = false;
  std::string ToString() const;
};

struct RedisAddress {
  std::vector<RedisEndpoint> endpoints;  // one; or Sentinels, where `master` is set
  std::string master;                    // as the Sentinels call it
  std::string user, password, sentinel_password;
  int database = 0;
  bool tls = false;
  bool verify = true;   // TLS: the server's certificate and name
  std::string ca_file;  // TLS: instead of the system's
};

// Fails with what is wrong with it, to follow the option's name: "has no host".
tl::expected<RedisAddress, std::string> ParseRedisUrl(std::string_view url);

}  // namespace parley

// The connections of a load, and the servers that they connect to.
#pragma once
#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace parley::loadgen {

// One server address, resolved once.
struct Endpoint {
  sockaddr_storage address = {};
  socklen_t address_bytes = 0;
  std::string host;  // for the Host header: "name:port"
  std::string name;  // a name or address, for TLS
  bool tls = false;
};

// Resolves a name or an address, without brackets. Errors: std::runtime_error.
Endpoint Resolve(const std::string& host, uint16_t port, bool tls = false);

// The first address of a list that accepts connections, or the first of all: a server may listen on only one of the
// addresses of "localhost".
const addrinfo& SelectAddress(const addrinfo& found);

struct Member {
  size_t room = 0;
  bool sends = false;
  bool slow = false;    // reads 1 KiB a second through a small receive buffer
  std::string path;     // for the dialect
  std::string token;    // empty: none
  size_t endpoint = 0;  // index into Plan::endpoints
  std::string host;     // of the endpoint, for the Host header; set by the swarm
};

}  // namespace parley::loadgen

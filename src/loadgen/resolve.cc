#include <netdb.h>

#include <cstring>
#include <stdexcept>

#include "loadgen/member.h"

namespace parley::loadgen {

Endpoint Resolve(const std::string& host, uint16_t port, bool tls) {
  const addrinfo hints{.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) throw std::runtime_error("cannot resolve " + host + ": " + ::gai_strerror(code));
  Endpoint out{.address_bytes = found->ai_addrlen, .name = host, .tls = tls};
  out.host = host.find(':') == host.npos ? host : "[" + host + "]";
  out.host += ":" + std::to_string(port);
  std::memcpy(&out.address, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return out;
}

}  // namespace parley::loadgen

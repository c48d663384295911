#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "loadgen/member.h"

namespace parley::loadgen {
namespace {

constexpr int kConnectMillis = 2000;

bool Accepts(const addrinfo& address) {
  const int fd =
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  pollfd polled{.fd = fd, .events = POLLOUT};
  const bool connected = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0 ||
                         (errno == EINPROGRESS && ::poll(&polled, 1, kConnectMillis) == 1 &&
                          ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
  ::close(fd);
  return connected;
}

}  // namespace

const addrinfo& SelectAddress(const addrinfo& found) {
  if (found.ai_next == nullptr) return found;
  for (const addrinfo* each = &found; each != nullptr; each = each->ai_next) {
    if (Accepts(*each)) return *each;
  }
  return found;
}

Endpoint Resolve(const std::string& host, uint16_t port, bool tls) {
  const addrinfo hints{.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) throw std::runtime_error("cannot resolve " + host + ": " + ::gai_strerror(code));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  const addrinfo& selected = SelectAddress(*list);
  Endpoint out{.address_bytes = selected.ai_addrlen, .name = host, .tls = tls};
  out.host = host.find(':') == host.npos ? host : "[" + host + "]";
  out.host += ":" + std::to_string(port);
  std::memcpy(&out.address, selected.ai_addr, selected.ai_addrlen);
  return out;
}

}  // namespace parley::loadgen

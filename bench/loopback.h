// A listening TCP socket for the servers that a benchmark measures against.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace parley::bench {

// Listens on this port of 127.0.0.1. Returns -1, with the reason on stderr, if that fails. `flags`: of socket(2), as
// SOCK_NONBLOCK.
inline int ListenOnLoopback(const char* port, int flags, int backlog) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | flags, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener, backlog) == 0) {
    return listener;
  }
  std::perror("listen");
  return -1;
}

}  // namespace parley::bench

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "loadgen/faulty_server.h"
#include "loadgen/member.h"

namespace parley::loadgen {
namespace {

// As "localhost" resolves on many machines, with a server on 127.0.0.1 only.
TEST(ResolveTest, TheFirstAddressThatAcceptsIsSelected) {
  const FaultyServer server({});
  sockaddr_in6 closed{.sin6_family = AF_INET6, .sin6_port = htons(server.port())};
  closed.sin6_addr = in6addr_loopback;
  sockaddr_in open{.sin_family = AF_INET, .sin_port = htons(server.port())};
  open.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  addrinfo second{.ai_family = AF_INET,
                  .ai_addrlen = sizeof open,
                  .ai_addr = reinterpret_cast<sockaddr*>(&open)};
  addrinfo first{.ai_family = AF_INET6,
                 .ai_addrlen = sizeof closed,
                 .ai_addr = reinterpret_cast<sockaddr*>(&closed),
                 .ai_next = &second};
  EXPECT_EQ(&SelectAddress(first), &second);
  second.ai_next = nullptr;
  EXPECT_EQ(&SelectAddress(second), &second);
}

TEST(ResolveTest, WithoutAServerTheFirstAddressIsSelected) {
  FaultyServer server({});
  server.Stop();
  sockaddr_in closed{.sin_family = AF_INET, .sin_port = htons(server.port())};
  closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  addrinfo second{.ai_family = AF_INET,
                  .ai_addrlen = sizeof closed,
                  .ai_addr = reinterpret_cast<sockaddr*>(&closed)};
  addrinfo first = second;
  first.ai_next = &second;
  EXPECT_EQ(&SelectAddress(first), &first);
}

}  // namespace
}  // namespace parley::loadgen

// Builds requests as the router receives them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "http/request.h"

namespace parley::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline Result<Request> TryRequest(const std::string& method, const std::string& target,
                                  const Headers& headers = {}, std::string body = "",
                                  Peer peer = {.address = "127.0.0.1", .loopback = true},
                                  unsigned version = 11) {
  BeastRequest message;
  message.method_string(method);
  message.target(target);
  message.version(version);
  for (const auto& [name, value] : headers) message.insert(name, value);
  message.body() = std::move(body);
  return Request::From(std::move(message), std::move(peer));
}

// Returns a well-formed request.
inline Request MakeRequest(const std::string& method, const std::string& target,
                           const Headers& headers = {}, std::string body = "",
                           Peer peer = {.address = "127.0.0.1", .loopback = true},
                           unsigned version = 11) {
  return std::move(*TryRequest(method, target, headers, std::move(body), std::move(peer), version));
}

}  // namespace parley::test

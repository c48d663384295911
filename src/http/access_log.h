// The access log: one line for each request, refused ones and upgrades included, and one for each
// WebSocket that ends. Nothing that a client sends can forge a field; query strings, which may hold
// tokens and signatures, are never logged.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace parley {

// The path of a request target as it may be logged: without its query, anything but visible ASCII
// percent-encoded, cut after 2,048 bytes; a segment that is a token is shown as ***.
std::string LoggedPath(std::string_view target);

// A client's X-Request-ID if it is [A-Za-z0-9._-]{1,64}, else a new one.
std::string RequestIdFrom(std::optional<std::string_view> header);

struct AccessLine {
  std::string method = "-";
  std::string path = "-";  // as LoggedPath gives it
  std::string client;      // address; empty for a Unix socket
  std::string user;        // empty: unknown
  std::string request_id;
};

void LogRequest(const AccessLine& line, int status, Duration took);
void LogSocketEnd(const AccessLine& line, int close_code, Duration open);

}  // namespace parley

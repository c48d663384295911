// The access log: one line per request, including refused requests and upgrades, and one line per closed
// WebSocket. Client input cannot forge a field; query strings, which can contain tokens and signatures,
// are never logged.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace parley {

// The path of a request target for the log: without the query, percent-encoded except visible ASCII,
// truncated to 2,048 bytes; a segment that is a token is replaced by ***.
std::string LoggedPath(std::string_view target);

// The client's X-Request-ID if it matches [A-Za-z0-9._-]{1,64}, otherwise a new one.
std::string RequestIdFrom(std::optional<std::string_view> header);

struct AccessLine {
  std::string method = "-";
  std::string path = "-";  // from LoggedPath
  std::string client;      // address; empty for a Unix socket
  std::string user;        // empty: unknown
  std::string request_id;
};

void LogRequest(const AccessLine& line, int status, Duration took);
void LogSocketEnd(const AccessLine& line, int close_code, Duration open);

}  // namespace parley

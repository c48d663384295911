// The access log: one line per request, including refused requests and upgrades, and one line per closed
// WebSocket. Client input cannot forge a field; query strings, which can contain tokens and signatures,
// are never logged.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/trace_context.h"

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
  std::string session;  // the id of the WebSocket; empty: none
  std::optional<TraceContext> trace;
};

// A status of 500 or more makes it a warning.
void LogRequest(const AccessLine& line, int status, Duration took);
// The line of a request that failed (500 or more) while the access log is off.
void LogFailure(const AccessLine& line, int status, Duration took);
// The line of a command of a WebSocket that failed. `code`: of the error.
void LogCommandFailure(const AccessLine& line, std::string_view code);
void LogSocketEnd(const AccessLine& line, int close_code, Duration open);

}  // namespace parley

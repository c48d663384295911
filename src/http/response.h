// What a handler answers, and its bytes on the wire.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace parley {

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};

  static Response Json(int status, std::string body) {
    return {.status = status, .body = std::move(body)};
  }
  static Response NoContent() { return {.status = 204, .content_type = "", .body = ""}; }
  // A problem document (RFC 9457) with `code`, and `error` for clients of the guide's API.
  static Response Problem(const Error& error);
};

// What of the request shapes the answer.
struct ResponseContext {
  bool head_only = false;  // HEAD: headers of the whole body, no body
  bool keep_alive = true;
  bool http_1_0 = false;
};

// Status line, headers and body (RFC 9112). Header values that hold CR, LF or NUL are a bug of ours
// and are left out.
SharedBytes Serialize(const Response& response, const ResponseContext& context);

}  // namespace parley

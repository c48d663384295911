// The response of a handler, and its encoding.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

namespace parley {

// A body that is sent in pieces.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual int64_t size() const = 0;  // total bytes of all pieces
  // The next piece, not empty; called until size() bytes were returned. An error closes the connection.
  virtual Task<Result<std::string>> Next() = 0;
  // Returns whether the reader still has access. Called every two seconds while the body is sent; false
  // closes the connection.
  virtual Task<bool> StillAllowed() { co_return true; }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<BodySource> source = {};  // instead of body
  SharedBytes shared = {};                  // instead of body: one buffer for all connections

  static Response Json(int status, std::string body) {
    return {.status = status, .body = std::move(body)};
  }
  static Response NoContent() { return {.status = 204, .content_type = "", .body = ""}; }
  // A problem document (RFC 9457) with `code`, and the members that clients of the original Django API
  // read: `error` (the detail), invalid fields under their own names, and SimpleJWT's `messages` for an
  // invalid token.
  static Response Problem(const Error& error);
};

// Properties of the request that affect the response.
struct ResponseContext {
  bool head_only = false;  // HEAD: headers of the whole body, no body
  bool keep_alive = true;
  bool http_1_0 = false;
  // Additional header lines, each with CRLF: CORS, HSTS, X-Request-ID, RateLimit.
  std::string lines = {};
};

// Encodes status line, headers and body (RFC 9112). Of `source` and `shared`, only the length is included.
// Header values with CR, LF or NUL are a bug in the server and are omitted.
SharedBytes Serialize(const Response& response, const ResponseContext& context);

}  // namespace parley

// What a handler answers, and its bytes on the wire.
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

// A body that is sent piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual int64_t size() const = 0;  // bytes, of all pieces together
  // The next piece, not empty; called until size() bytes have come. An error ends the connection.
  virtual Task<Result<std::string>> Next() = 0;
  // May its reader still have it (P9)? Asked every two seconds while it is sent; false ends the
  // connection.
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
  // A problem document (RFC 9457) with `code`, and what clients of the guide's API read: `error`
  // (the detail), bad fields under their own names, and SimpleJWT's `messages` for a bad token.
  static Response Problem(const Error& error);
};

// What of the request shapes the answer.
struct ResponseContext {
  bool head_only = false;  // HEAD: headers of the whole body, no body
  bool keep_alive = true;
  bool http_1_0 = false;
  // More header lines, each with its CRLF: CORS, HSTS, X-Request-ID, RateLimit.
  std::string lines = {};
};

// Status line, headers and body (RFC 9112). The bytes of `source` and `shared` are not in it, only
// their length. Header values that hold CR, LF or NUL are a bug of ours and are left out.
SharedBytes Serialize(const Response& response, const ResponseContext& context);

}  // namespace parley

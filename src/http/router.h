// The route table: every path of the server is a row, registered by its feature. The row declares the
// required access, so that no handler can forget the check.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_verifier.h"
#include "base/task.h"
#include "domain/caller.h"
#include "domain/limit.h"
#include "http/body_stream.h"
#include "http/request.h"
#include "http/response.h"

namespace parley {

enum class Access {
  kOpen,  // no authentication
  kUser,  // a valid access token
  kFile,  // like kUser, also by ?token=, or by a signed link to the attachment {id}
};

struct RequestContext {
  Request request;
  Caller caller;
  std::shared_ptr<BodyStream> body = {};  // of a streamed route's request, unless it came whole
};

using HttpHandler = UniqueFunction<Task<Response>(RequestContext&)>;

struct Route {
  std::string method;   // "GET" serves HEAD too
  std::string pattern;  // "/api/messaging/messages/{id}", without a trailing slash
  Access access = Access::kUser;
  Limit limit = Limit::kNone;
  HttpHandler handler;
  // If above 0, a multipart body of up to this size is streamed to the handler, after the caller is
  // authenticated.
  size_t streamed_bytes = 0;

  std::vector<std::string> parts = {};  // of the pattern; filled by the router
};

// The parts of "/a/{b}", between its slashes.
std::vector<std::string> SplitPath(std::string_view path);

class Router {
 public:
  void Add(std::string method, std::string pattern, Access access, Limit limit, HttpHandler handler,
           size_t streamed_bytes = 0);

  struct Match {
    Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> params;
    std::string allow;  // when the path is known and the method is not
  };
  // `segments` as Request::segments() gives them.
  Match Find(std::string_view method, const std::vector<std::string>& segments);

  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace parley

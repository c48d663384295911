// A parsed request for handlers. Invariant: all text that a handler can read (segments, query, headers)
// is UTF-8 without U+0000.
#pragma once
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/trace_context.h"
#include "http/percent.h"
#include "http/read_headers.h"
#include "net/connection.h"

namespace parley {

inline std::string_view ViewOf(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;

// Data of a request for the log, and for requests that it causes.
struct RequestAccess {
  // The client's address, which a trusted proxy can set by X-Forwarded-For; empty for a Unix socket.
  std::string client;
  std::string id;       // X-Request-ID
  std::string session;  // of an upgrade, if it is logged: the id of the WebSocket
  // Set if the client sent a valid traceparent, or if the request is logged.
  std::optional<TraceContext> trace;
};

class Request {
 public:
  // Errors: bad_request (a target in neither origin-form nor absolute-form, bad percent-encoding, a
  // query or a header that is not UTF-8).
  static Result<Request> From(BeastRequest message, Peer peer);

  std::string_view method() const { return method_; }
  // As sent, percent-encoded, without query and trailing slash (except "/").
  const std::string& path() const { return path_; }
  // The segments, split at slashes and then decoded, so that %2F is data. A segment that is not UTF-8 or
  // contains U+0000 is empty, and matches no route.
  const std::vector<std::string>& segments() const { return segments_; }
  std::vector<std::string>& segments() { return segments_; }
  // The authority of an absolute-form target (RFC 9112 §3.2.2); empty otherwise.
  const std::string& authority() const { return authority_; }
  std::string_view body() const { return message_.body(); }
  void set_body(std::string body) { message_.body() = std::move(body); }
  // Returns true if the header section announces a non-empty body.
  bool has_body() const;
  const Peer& peer() const { return peer_; }
  const RequestAccess& access() const { return access_; }
  void set_access(RequestAccess access) { access_ = std::move(access); }

  // The value of a header; empty if absent. HeaderOnce returns nullopt if it is absent or not unique.
  std::string_view Header(HeaderName name) const;
  std::optional<std::string_view> HeaderOnce(HeaderName name) const;
  bool HasHeader(HeaderName name) const;
  // Returns true if a header name has this prefix, in any case.
  bool HasHeaderPrefix(std::string_view prefix) const;
  // The members of a comma-separated header over all its lines (RFC 9110 §5.6.1).
  std::vector<std::string_view> HeaderList(HeaderName name) const;
  // Returns true if such a list contains the token, in any case.
  bool HeaderHasToken(HeaderName name, std::string_view token) const;
  unsigned http_version() const { return message_.version(); }  // 11 for HTTP/1.1

  // The last value of a query parameter; an empty one counts as absent.
  std::optional<std::string_view> Query(std::string_view name) const;

  // The API prefix of the request; links in the response begin with it.
  const std::string& api_prefix() const { return api_prefix_; }
  void set_api_prefix(std::string prefix) { api_prefix_ = std::move(prefix); }

  // The value of the route parameter {name}; empty if the route has none.
  std::string_view Param(std::string_view name) const;
  void set_params(std::vector<std::pair<std::string, std::string>> params) {
    params_ = std::move(params);
  }

 private:
  Result<void> TakeTarget(std::string_view target);
  Result<void> CheckHeaders() const;

  BeastRequest message_;
  Peer peer_;
  RequestAccess access_;
  std::string method_;
  std::string path_;
  std::string api_prefix_;
  std::vector<std::string> segments_;
  std::string authority_;
  std::vector<std::pair<std::string, std::string>> query_;
  std::vector<std::pair<std::string, std::string>> params_;
};

// Returns true for UTF-8 without U+0000, which every store can hold.
bool IsPlainText(std::string_view bytes);

// "/a/b%2Fc/" as {"a", "b/c"}; see Request::segments. Returns nullopt if the encoding is
// invalid.
std::optional<std::vector<std::string>> PathSegments(std::string_view path);

using NamesAndValues = std::vector<std::pair<std::string, std::string>>;
// Parses application/x-www-form-urlencoded, as in queries and form bodies.
// Errors: bad_request (malformed, not UTF-8, or with U+0000).
Result<NamesAndValues> ParseUrlEncoded(std::string_view text);

}  // namespace parley

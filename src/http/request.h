// A request as handlers see it: parsed by Beast, its target taken apart. Every text that a handler
// can get from it (segments, query, headers that are read) is UTF-8 without U+0000.
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
#include "http/percent.h"
#include "http/read_headers.h"
#include "net/connection.h"

namespace parley {

using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;

// What the access log knows of a request beside its line.
struct RequestAccess {
  std::string client;  // address, a trusted proxy's word included; empty for a Unix socket
  std::string id;      // X-Request-ID
};

class Request {
 public:
  // Errors: bad_request (a target in neither origin-form nor absolute-form, bad percent-encoding, a
  // query or a header that is not UTF-8).
  static Result<Request> From(BeastRequest message, Peer peer);

  std::string_view method() const { return method_; }
  // As the client wrote it, percent-encoded, without query and without a trailing slash (except "/").
  const std::string& path() const { return path_; }
  // Its parts, split at slashes and then decoded, so that %2F is data. A part that is not UTF-8, or
  // holds U+0000, is empty, which no route matches.
  const std::vector<std::string>& segments() const { return segments_; }
  std::vector<std::string>& segments() { return segments_; }
  // The authority of an absolute-form target (RFC 9112 §3.2.2); empty otherwise.
  const std::string& authority() const { return authority_; }
  std::string_view body() const { return message_.body(); }
  void set_body(std::string body) { message_.body() = std::move(body); }
  // Does its header section announce a body that is not empty?
  bool has_body() const;
  const Peer& peer() const { return peer_; }
  const RequestAccess& access() const { return access_; }
  void set_access(RequestAccess access) { access_ = std::move(access); }

  // A header's value; empty when absent. When it is there more than once, nullopt from HeaderOnce.
  std::string_view Header(HeaderName name) const;
  std::optional<std::string_view> HeaderOnce(HeaderName name) const;
  bool HasHeader(HeaderName name) const;
  // True when a header's name begins so, in any case.
  bool HasHeaderPrefix(std::string_view prefix) const;
  // The members of a comma-separated header, however many lines it is spread over (RFC 9110 §5.6.1).
  std::vector<std::string_view> HeaderList(HeaderName name) const;
  // True when such a list holds the token, in any case.
  bool HeaderHasToken(HeaderName name, std::string_view token) const;
  unsigned http_version() const { return message_.version(); }  // 11 for HTTP/1.1

  // The last value of a query parameter; an empty one counts as absent.
  std::optional<std::string_view> Query(std::string_view name) const;

  // The prefix of the API under which it came; links in the answer begin with it.
  const std::string& api_prefix() const { return api_prefix_; }
  void set_api_prefix(std::string prefix) { api_prefix_ = std::move(prefix); }

  // What the route's {name} matched; empty when it has no such part.
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

// UTF-8 without U+0000: text that every store can hold.
bool IsPlainText(std::string_view bytes);

// "/a/b%2Fc/" as {"a", "b/c"}; see Request::segments. nullopt: broken percent-encoding.
std::optional<std::vector<std::string>> PathSegments(std::string_view path);

using NamesAndValues = std::vector<std::pair<std::string, std::string>>;
// application/x-www-form-urlencoded, as queries and form bodies have it.
// Errors: bad_request (broken, not UTF-8, or U+0000).
Result<NamesAndValues> ParseUrlEncoded(std::string_view text);

}  // namespace parley

// A request as handlers see it: parsed by Beast, its target taken apart, its caller known.
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
#include "net/connection.h"

namespace parley {

using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;

class Request {
 public:
  // Errors: bad_request (a target that is no origin-form path, or bad percent-encoding).
  static Result<Request> From(BeastRequest message, Peer peer);

  std::string_view method() const { return method_; }
  // Percent-decoded, without query and without a trailing slash (except "/").
  const std::string& path() const { return path_; }
  std::string_view body() const { return message_.body(); }
  const Peer& peer() const { return peer_; }

  // A header's value; empty when absent. When it is there more than once, nullopt from HeaderOnce.
  std::string_view Header(std::string_view name) const;
  std::optional<std::string_view> HeaderOnce(std::string_view name) const;
  bool HasHeader(std::string_view name) const;
  // The members of a comma-separated header, however many lines it is spread over (RFC 9110 §5.6.1).
  std::vector<std::string_view> HeaderList(std::string_view name) const;
  // True when such a list holds the token, in any case.
  bool HeaderHasToken(std::string_view name, std::string_view token) const;
  unsigned http_version() const { return message_.version(); }  // 11 for HTTP/1.1

  // The first value of a query parameter.
  std::optional<std::string_view> Query(std::string_view name) const;

  // What the route's {name} matched; empty when it has no such part.
  std::string_view Param(std::string_view name) const;
  void set_params(std::vector<std::pair<std::string, std::string>> params) {
    params_ = std::move(params);
  }

 private:
  BeastRequest message_;
  Peer peer_;
  std::string method_;
  std::string path_;
  std::vector<std::pair<std::string, std::string>> query_;
  std::vector<std::pair<std::string, std::string>> params_;
};

// RFC 3986 §2.1; `plus_is_space` for queries (WHATWG form encoding). nullopt: broken, or holds NUL.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

}  // namespace parley

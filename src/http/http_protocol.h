// HTTP/1.1 on a connection: Beast parses, the router answers, one request at a time; pipelined
// requests wait in the connection. The shard's thread.
#pragma once
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>

#include "base/metrics.h"
#include "domain/limits.h"
#include "http/rate_limiter.h"
#include "http/request_times.h"
#include "http/router.h"
#include "http/site_policy.h"
#include "http/stream_body.h"
#include "net/connection.h"

namespace parley {

// Takes a request for a WebSocket's path away from HTTP: queues the 101 and calls SwitchProtocol, or says what
// to answer instead.
class UpgradeHandler {
 public:
  virtual ~UpgradeHandler() = default;
  // Is the path one of a WebSocket?
  virtual bool Serves(std::string_view path) const = 0;
  virtual std::optional<Response> Upgrade(Connection& connection, Request request) = 0;
};

struct HttpCounters {
  RequestTimes requests;
};

// What a shard's HTTP connections share. Outlives them.
struct HttpContext {
  Router& router;
  const TokenVerifier& verifier;
  const SitePolicy& site;
  RateLimiter& rate_limiter;
  UpgradeHandler& upgrade;
  HttpCounters& counters;
  const Gauge& connections;
  const Limits& limits;
  size_t connection_limit = 0;  // over it requests are answered 503; 0: none
  bool access_log = false;
};

class HttpProtocol final : public Protocol {
 public:
  explicit HttpProtocol(HttpContext& context) : context_(context) {}

  size_t OnBytes(Connection& connection, std::span<char> bytes) override;
  void OnEndOfStream(Connection& connection) override;
  void OnDrained(Connection& connection) override;
  void OnTick(Connection& connection, Monotonic now) override;
  void OnShutdown(Connection& connection, Duration delay) override;
  void OnClosed(Connection& connection) override;

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  using StreamParser = boost::beast::http::request_parser<StreamBody>;

  void StartRequest(Monotonic now);
  // The header section is there: is its body to be streamed, or too large?
  void OnHeader(Connection& connection);
  size_t OnBody(Connection& connection, std::span<char> bytes);
  void CheckBody(Connection& connection, Monotonic now);  // does it come fast enough?
  void OnParseError(Connection& connection, const boost::beast::error_code& error);
  // `message`: with its whole body, or without one that is being streamed.
  void OnRequest(Connection& connection, BeastRequest message);
  void Refuse(Connection& connection, const Error& error);
  void Respond(Connection& connection, const Response& response);
  // Who calls, as the route demands. Errors: not_authenticated, token_expired, forbidden.
  Result<Caller> Identify(const Request& request, const Route& route) const;
  static Task<void> Serve(HttpContext& context, Shard& shard, ConnectionId id, Route& route,
                          RequestContext request);
  static Task<void> SendSource(Shard& shard, ConnectionId id, BodySource& source);

  HttpContext& context_;
  std::unique_ptr<Parser> parser_;               // while a request arrives
  std::unique_ptr<StreamParser> stream_parser_;  // while a streamed body arrives
  int64_t body_bytes_ = 0;                       // of that body, so far
  Resolve<bool> room_;                           // whoever waits to send on; false: closed
  Monotonic request_since_{};
  Monotonic idle_since_{};
  ResponseContext response_context_;
  const Route* route_ = nullptr;  // of the request under way, once it is known
  bool busy_ = false;             // a handler runs
  bool last_ = false;             // the connection ends with the answer under way
};

// "Authorization: Bearer <token>": the token; nullopt when there is no such header.
// Errors: not_authenticated for a second header, or another scheme.
Result<std::optional<std::string_view>> BearerToken(const Request& request);

}  // namespace parley

// HTTP/1.1 on a connection: RequestReader parses, and the router dispatches one request at a time.
// Pipelined requests wait in the connection, which is not read while its outbox is full. A request is
// accepted or refused by its header section alone, before any of its body is buffered. Threads: the
// shard's.
#pragma once
#include <memory>
#include <optional>

#include "base/metrics.h"
#include "domain/limits.h"
#include "http/access_log.h"
#include "http/api_prefixes.h"
#include "http/cors.h"
#include "http/file_links.h"
#include "http/rate_limiter.h"
#include "http/request_reader.h"
#include "http/request_times.h"
#include "http/router.h"
#include "http/site_policy.h"
#include "net/connection.h"

namespace parley {

// Upgrades a request for a WebSocket path: queues the 101 response and calls SwitchProtocol, or returns
// another response.
class UpgradeHandler {
 public:
  virtual ~UpgradeHandler() = default;
  // Returns true if the path is that of a WebSocket endpoint.
  virtual bool Serves(const Request& request) const = 0;
  virtual std::optional<Response> Upgrade(Connection& connection, Request request) = 0;
};

// For a port without WebSockets.
class NoUpgrades final : public UpgradeHandler {
 public:
  bool Serves(const Request&) const override { return false; }
  std::optional<Response> Upgrade(Connection&, Request) override { return std::nullopt; }
};

struct HttpCounters {
  RequestTimes requests;
};

// The objects that the HTTP connections of a shard share. Outlives them.
struct HttpContext {
  Router& router;
  const TokenVerifier& verifier;
  const SitePolicy& site;
  const CorsPolicy& cors;
  const FileLinks& links;
  const ApiPrefixes& prefixes;
  RateLimiter& rate_limiter;
  UpgradeHandler& upgrade;
  HttpCounters& counters;
  const Gauge& connections;
  const Limits& limits;
  size_t connection_limit = 0;  // above it, requests get 503; 0: no limit
  bool access_log = false;
  Duration keep_alive_timeout = std::chrono::seconds(120);
  Duration hsts{0};  // sent over the server's own TLS; 0: not sent
};

class HttpProtocol final : public Protocol {
 public:
  explicit HttpProtocol(HttpContext& context)
      : context_(context), reader_(context.limits.header_bytes) {}

  size_t OnBytes(Connection& connection, std::span<char> bytes) override;
  void OnEndOfStream(Connection& connection) override;
  void OnDrained(Connection& connection) override;
  void OnTick(Connection& connection, Monotonic now) override;
  void OnShutdown(Connection& connection, Duration delay) override;
  void OnClosed(Connection& connection) override;

 private:
  // The stage of the current request.
  enum class Stage : uint8_t {
    kHeader,     // waiting for a header section
    kBody,       // accepted; its body is buffered
    kStreaming,  // accepted; its body is streamed to the handler
    kDiscarding  // refused; its body is discarded before the response
  };

  // Sets the common response headers and the access log line. `message`: the header section, or null if
  // it could not be parsed.
  void DescribeAnswer(const Connection& connection, const BeastRequest* message);
  // Returns true if another protocol has taken over.
  bool OnHeader(Connection& connection);
  std::optional<Error> RefusalOfConnection(const Connection& connection,
                                           const Request& request) const;
  // Returns the refusal of a request, based on its header section, or nullopt.
  std::optional<Response> Refusal(Request& request, Caller& caller);
  std::optional<Response> FindRoute(Request& request);
  std::optional<Response> RefusalOfBody(const Request& request) const;
  void Accept(Connection& connection, Request request, Caller caller);
  uint64_t BodyLimit(const Request& request) const;
  void OnBody(Connection& connection, std::string_view bytes);
  void OnEnd(Connection& connection);
  void OnFault(Connection& connection);
  // Responds and closes the connection.
  void Refuse(Connection& connection, const Error& error);
  // Responds to a request whose body has not been read. A small body is discarded first, so that the
  // connection stays usable; otherwise it is closed. `uncertain`: the client may not send the body.
  void RefuseUnread(Connection& connection, Response response, bool uncertain);
  void Respond(Connection& connection, const Response& response);
  void LogAnswer(int status, Duration took);
  void Close(Connection& connection);
  void FailStream(Error error);
  void CheckTimes(Connection& connection, Monotonic now);
  // Identifies the caller as the route requires. Errors: not_authenticated, token_not_valid, forbidden.
  Result<Caller> Identify(const Request& request, const Route& route) const;
  // Takes a token from the caller's bucket for the route. Errors: rate_limited. Services are exempt.
  std::optional<Error> TakeRate(const Route& route, const Caller& caller);
  static Task<void> Run(HttpContext& context, Shard& shard, ConnectionId id, Route& route,
                        RequestContext request);
  static Task<void> SendSource(Shard& shard, ConnectionId id, BodySource& source);
  // A response that is sent in pieces.
  struct Download {
    std::shared_ptr<BodySource> source;
    std::shared_ptr<const Identity> identity;
    AskedAt asked = {};
    Monotonic checked_at;
  };
  // Ends a download whose reader has lost access.
  void CheckDownload(Connection& connection, Monotonic now);
  static Task<void> AbortIfAccessLost(Shard& shard, ConnectionId id,
                                      std::shared_ptr<BodySource> source);

  HttpContext& context_;
  RequestReader reader_;
  std::unique_ptr<RequestContext> pending_;  // while its body is buffered
  std::unique_ptr<Response> refusal_;        // while its body is discarded
  std::string body_;
  std::shared_ptr<BodyStream> stream_;  // while a body is streamed
  uint64_t body_bytes_ = 0;             // received so far
  uint64_t body_limit_ = 0;
  std::unique_ptr<Download> download_;
  Resolve<bool> room_;  // the pending download; false: closed
  Monotonic request_since_{};
  Monotonic idle_since_{};
  ResponseContext response_context_;
  AccessLine access_;
  Route* route_ = nullptr;  // of the current request, once it is known
  Stage stage_ = Stage::kHeader;
  bool keep_alive_ = false;  // as the request asks
  bool busy_ = false;        // a handler is running
  bool last_ = false;        // close the connection after the current response
  bool spoken_ = false;      // a header section was received
  bool drain_ = true;        // discard further input when the connection closes
};

// Returns the token of "Authorization: Bearer <token>", or nullopt without that header or with another
// scheme, such as a proxy's Basic login. Errors: not_authenticated for two headers.
Result<std::optional<std::string_view>> BearerToken(const Request& request);

}  // namespace parley

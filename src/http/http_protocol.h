// HTTP/1.1 on a connection: RequestReader parses, the router answers, one request at a time;
// pipelined requests wait in the connection, and are not read while its outbox is full. Whether a
// request is accepted is decided by its header section alone, before any of its body is kept.
// The shard's thread.
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

// Takes a request for a WebSocket's path away from HTTP: queues the 101 and calls SwitchProtocol, or says what
// to answer instead.
class UpgradeHandler {
 public:
  virtual ~UpgradeHandler() = default;
  // Is its path one of a WebSocket?
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

// What a shard's HTTP connections share. Outlives them.
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
  size_t connection_limit = 0;  // over it requests are answered 503; 0: none
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
  // Where the present request is.
  enum class Stage : uint8_t {
    kHeader,     // none has begun, or its header section arrives
    kBody,       // it is accepted, and its body is collected
    kStreaming,  // its body goes to the handler as it arrives
    kDiscarding  // it is refused: its body is thrown away, then comes the answer
  };

  // What every answer to this request carries, and what is logged of it. `message`: its header
  // section; null where that could not be read.
  void DescribeAnswer(const Connection& connection, const BeastRequest* message);
  // True: another protocol has taken over.
  bool OnHeader(Connection& connection);
  std::optional<Error> RefusalOfConnection(const Connection& connection,
                                           const Request& request) const;
  // What to answer instead of serving it, as the header section alone shows.
  std::optional<Response> Refusal(Request& request, Caller& caller);
  std::optional<Response> FindRoute(Request& request);
  std::optional<Response> RefusalOfBody(const Request& request) const;
  void Accept(Connection& connection, Request request, Caller caller);
  uint64_t BodyLimit(const Request& request) const;
  void OnBody(Connection& connection, std::string_view bytes);
  void OnEnd(Connection& connection);
  void OnFault(Connection& connection);
  // Answers, and ends the connection.
  void Refuse(Connection& connection, const Error& error);
  // Answers a request whose body has not been read. A small body is thrown away first, so that the
  // connection can be used on; otherwise it ends. `uncertain`: whether the body comes is not known.
  void RefuseUnread(Connection& connection, Response response, bool uncertain);
  void Respond(Connection& connection, const Response& response);
  void Close(Connection& connection);
  void FailStream(Error error);
  void CheckTimes(Connection& connection, Monotonic now);
  // The caller, as the route demands. Errors: not_authenticated, token_not_valid, forbidden.
  Result<Caller> Identify(const Request& request, const Route& route) const;
  // Takes one from the caller's bucket for the route. Errors: rate_limited. A service has no limit.
  std::optional<Error> TakeRate(const Route& route, const Caller& caller);
  static Task<void> Run(HttpContext& context, Shard& shard, ConnectionId id, Route& route,
                        RequestContext request);
  static Task<void> SendSource(Shard& shard, ConnectionId id, BodySource& source);
  // An answer that is sent piece by piece.
  struct Download {
    std::shared_ptr<BodySource> source;
    std::shared_ptr<const Identity> identity;
    AskedAt asked = {};
    Monotonic checked_at;
  };
  // P9: ends a download whose reader may no longer have it.
  void CheckDownload(Connection& connection, Monotonic now);
  static Task<void> AskAgain(Shard& shard, ConnectionId id, std::shared_ptr<BodySource> source);

  HttpContext& context_;
  RequestReader reader_;
  std::unique_ptr<RequestContext> pending_;  // while its body is collected
  std::unique_ptr<Response> refusal_;        // while its body is thrown away
  std::string body_;
  std::shared_ptr<BodyStream> stream_;  // while a body is streamed
  uint64_t body_bytes_ = 0;             // of the body, so far
  uint64_t body_limit_ = 0;
  std::unique_ptr<Download> download_;
  Resolve<bool> room_;  // whoever waits to send on; false: closed
  Monotonic request_since_{};
  Monotonic idle_since_{};
  ResponseContext response_context_;
  AccessLine access_;
  Route* route_ = nullptr;  // of the request under way, once it is known
  Stage stage_ = Stage::kHeader;
  bool keep_alive_ = false;  // as the request wants it
  bool busy_ = false;        // a handler runs
  bool last_ = false;        // the connection ends with the answer under way
  bool spoken_ = false;      // a header section has come
  bool drain_ = true;        // what still comes when it ends is read and thrown away
};

// "Authorization: Bearer <token>": the token; nullopt without that header or with another scheme in
// it, such as a proxy's Basic login. Errors: not_authenticated for a second header.
Result<std::optional<std::string_view>> BearerToken(const Request& request);

}  // namespace parley

#include "http/http_protocol.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include "base/log.h"

namespace parley {
namespace {

namespace http = boost::beast::http;
using namespace std::chrono_literals;

// A request that dribbles in is cut off (slow-header attacks); an idle connection is let go.
constexpr auto kHeaderDeadline = 10s;
constexpr auto kBodyDeadline = 60s;
constexpr auto kIdleDeadline = 75s;
// A streamed body has that much longer for every so many bytes of it.
constexpr int64_t kLeastBytesPerSecond = 8 * 1024;
// A download whose reader takes nothing for so long is cut off.
constexpr auto kDownloadDeadline = 60s;
// Of a download, queued at most (and a piece).
constexpr size_t kDownloadAhead = 64 * 1024;
// After an answer that ends the connection: how long unread bytes are thrown away.
constexpr auto kLinger = 1s;

bool SameText(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Beast takes a header that goes on in the next line; RFC 9112 §5.2 lets a server refuse it, and
// two readers of one request must not differ.
bool HasFoldedLine(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n"));
  return head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos;
}

// RFC 9112 §6: where two readers could see two lengths, the request is refused (faults.md H1).
bool LengthIsPlain(const BeastRequest& message) {
  const auto length = message[http::field::content_length];
  const bool digits = std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; });
  if (message.count(http::field::content_length) > 1 || !digits) return false;
  const auto coding = message.equal_range(http::field::transfer_encoding);
  if (coding.first == coding.second) return true;
  const std::string_view value(coding.first->value().data(), coding.first->value().size());
  return std::next(coding.first) == coding.second && SameText(value, "chunked") &&
         message.count(http::field::content_length) == 0;
}

}  // namespace

Result<std::optional<std::string_view>> BearerToken(const Request& request) {
  if (!request.HasHeader("Authorization")) return std::optional<std::string_view>();
  const auto header = request.HeaderOnce("Authorization");
  const size_t space = header ? header->find(' ') : std::string_view::npos;
  if (space == std::string_view::npos || !SameText(header->substr(0, space), "Bearer")) {
    return Fail(ErrorCode::not_authenticated, "The Authorization header must be: Bearer <token>.");
  }
  std::string_view token = header->substr(space + 1);
  while (token.starts_with(' ')) token.remove_prefix(1);
  return std::optional<std::string_view>(token);
}

size_t HttpProtocol::OnBytes(Connection& connection, std::span<char> bytes) {
  if (stream_parser_ != nullptr) return OnBody(connection, bytes);
  if (busy_) return 0;
  if (parser_ == nullptr) StartRequest(connection.shard().clock().Steady());
  if (!parser_->is_header_done() && HasFoldedLine({bytes.data(), bytes.size()})) {
    OnParseError(connection, http::error::bad_value);
    return bytes.size();
  }
  boost::beast::error_code error;
  const bool had_header = parser_->is_header_done();
  const size_t consumed = parser_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) {
    OnParseError(connection, error);
    return bytes.size();
  }
  if (parser_->is_done()) {
    const std::unique_ptr<Parser> parser = std::move(parser_);
    OnRequest(connection, parser->release());
  } else if (parser_->is_header_done() && !had_header) {
    OnHeader(connection);
  }
  return consumed;
}

void HttpProtocol::OnHeader(Connection& connection) {
  const BeastRequest& message = parser_->get();
  const Route* route = nullptr;
  if (boost::beast::iequals(message[http::field::content_type].substr(0, 10), "multipart/")) {
    const auto request = Request::From(BeastRequest(message.base()), connection.peer());
    if (request) route = context_.router.Find(request->method(), request->path()).route;
  }
  const bool streamed = route != nullptr && route->streamed_bytes > 0;
  const uint64_t limit = streamed ? route->streamed_bytes : context_.limits.body_bytes;
  if (parser_->content_length().value_or(0) > limit) {
    return OnParseError(connection, http::error::body_limit);
  }
  const bool expects = boost::beast::iequals(message[http::field::expect], "100-continue");
  if (!streamed) {
    parser_->body_limit(limit);
    parser_->eager(true);
  } else {
    BeastRequest head(message.base());
    const auto resume = [&shard = connection.shard(), id = connection.id()] {
      if (Connection* found = shard.Find(id)) found->ResumeReading();
    };
    auto body = std::make_shared<BodyStream>(connection.shard(), resume);
    stream_parser_ = std::make_unique<StreamParser>(std::move(*parser_), std::move(body));
    stream_parser_->body_limit(limit);
    stream_parser_->eager(true);
    parser_.reset();
    body_bytes_ = 0;
    OnRequest(connection, std::move(head));
    if (!busy_) return stream_parser_.reset();  // refused
    connection.ResumeReading();
  }
  if (expects) connection.Answer(SharedBytes("HTTP/1.1 100 Continue\r\n\r\n"));
}

size_t HttpProtocol::OnBody(Connection& connection, std::span<char> bytes) {
  const std::shared_ptr<BodyStream> body = stream_parser_->get().body();
  boost::beast::error_code error;
  const size_t consumed =
      stream_parser_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  body_bytes_ += static_cast<int64_t>(consumed);
  if (error && error != http::error::need_more) {
    const bool large = error == http::error::body_limit;
    body->Fail({.code = large ? ErrorCode::too_large : ErrorCode::bad_request,
                .detail = large ? "The body is too large." : "This is not valid HTTP/1.1."});
    connection.PauseReading();
    return bytes.size();
  }
  if (stream_parser_->is_done()) {
    stream_parser_.reset();
    body->End();
    connection.PauseReading();
  } else if (body->full()) {
    connection.PauseReading();
  }
  return consumed;
}

void HttpProtocol::StartRequest(Monotonic now) {
  parser_ = std::make_unique<Parser>();
  parser_->header_limit(static_cast<uint32_t>(context_.limits.header_bytes));
  parser_->body_limit(boost::none);  // OnHeader knows it
  request_since_ = now;
  response_context_ = {};
}

void HttpProtocol::OnParseError(Connection& connection, const boost::beast::error_code& error) {
  if (error == http::error::header_limit) {
    return Refuse(connection, {.code = ErrorCode::headers_too_large,
                               .detail = "The header section is too large."});
  }
  if (error == http::error::body_limit || error == http::error::buffer_overflow) {
    return Refuse(connection, {.code = ErrorCode::too_large, .detail = "The body is too large."});
  }
  Refuse(connection, {.code = ErrorCode::bad_request, .detail = "This is not valid HTTP/1.1."});
}

void HttpProtocol::Refuse(Connection& connection, const Error& error) {
  response_context_.keep_alive = false;
  Respond(connection, Response::Problem(error));
}

void HttpProtocol::OnRequest(Connection& connection, BeastRequest message) {
  const bool streamed = stream_parser_ != nullptr;
  response_context_.keep_alive = message.keep_alive() && !streamed;  // until its body is there
  response_context_.http_1_0 = message.version() < 11;
  response_context_.head_only = message.method() == http::verb::head;
  if (!LengthIsPlain(message)) {
    return Refuse(connection,
                  {.code = ErrorCode::bad_request, .detail = "The request's length is ambiguous."});
  }
  // RFC 9112 §3.2, for probes too, which are asked under whatever name.
  if (!response_context_.http_1_0 && message.count(http::field::host) != 1) {
    return Refuse(connection, {.code = ErrorCode::bad_host, .detail = "There must be one Host."});
  }

  const bool keep_alive = message.keep_alive();
  Result<Request> parsed = Request::From(std::move(message), connection.peer());
  if (!parsed) return Refuse(connection, parsed.error());
  if (context_.connection_limit > 0 &&
      context_.connections.value() > static_cast<int64_t>(context_.connection_limit)) {
    return Refuse(connection, {.code = ErrorCode::overloaded,
                               .detail = "The server is at its connection limit.",
                               .retry_after = 1s});
  }
  if (const auto error = context_.site.CheckRequest(*parsed)) return Refuse(connection, *error);

  if (context_.upgrade.Serves(parsed->path())) {
    const auto refusal = context_.upgrade.Upgrade(connection, std::move(*parsed));
    if (refusal) Respond(connection, *refusal);
    return;
  }
  Router::Match match = context_.router.Find(parsed->method(), parsed->path());
  if (match.route == nullptr && match.allow.empty()) {
    return Respond(connection, Response::Problem(Error::NotFound()));
  }
  if (match.route == nullptr) {
    Response refusal = Response::Problem(
        {.code = ErrorCode::method_not_allowed, .detail = "Method not allowed here."});
    refusal.headers.emplace_back("Allow", match.allow);
    return Respond(connection, refusal);
  }
  route_ = match.route;
  parsed->set_params(std::move(match.params));
  Result<Caller> caller = Identify(*parsed, *match.route);
  if (!caller) return Respond(connection, Response::Problem(caller.error()));
  if (match.route->limit == Limit::kSend && !caller->service) {
    if (const auto wait = context_.rate_limiter.TakeSend(caller->user)) {
      return Respond(connection, Response::Problem({.code = ErrorCode::rate_limited,
                                                    .detail = "Too many messages.",
                                                    .retry_after = *wait}));
    }
  }
  busy_ = true;
  response_context_.keep_alive = keep_alive;
  connection.PauseReading();
  RequestContext request{std::move(*parsed), std::move(*caller)};
  if (streamed) request.body = stream_parser_->get().body();
  Serve(context_, connection.shard(), connection.id(), *match.route, std::move(request)).Detach();
}

Result<Caller> HttpProtocol::Identify(const Request& request, const Route& route) const {
  if (route.access == Access::kOpen) return Caller{};
  const auto token = BearerToken(request);
  if (!token) return Fail(token.error());
  if (!*token) {
    return Fail(ErrorCode::not_authenticated, "Authentication credentials were not provided.");
  }
  const Result<Identity> identity = context_.verifier.Verify(**token);
  if (!identity) return Fail(identity.error());
  Caller caller{identity->user, identity->service};
  if (request.HasHeader("X-On-Behalf-Of")) {
    if (!caller.service) {
      return Fail(ErrorCode::forbidden, "Only a service token may act for somebody else.");
    }
    const auto user = request.HeaderOnce("X-On-Behalf-Of");
    if (!user || !IsUserId(*user)) return Fail(Error::Field("X-On-Behalf-Of", "Not a user id."));
    caller.user = *user;
  }
  return caller;
}

Task<void> HttpProtocol::Serve(HttpContext& context, Shard& shard, ConnectionId id, Route& route,
                               RequestContext request) {
  const Monotonic since = shard.clock().Steady();
  const Response response = co_await route.handler(request);
  if (context.access_log) {
    const auto took = std::chrono::duration_cast<Duration>(shard.clock().Steady() - since);
    log::info("request method={} path={} status={} user={} micros={}", request.request.method(),
              request.request.path(), response.status, request.caller.user, took.count());
  }
  Connection* connection = shard.Find(id);
  if (connection == nullptr || connection->closing()) co_return;
  // Still HTTP's: a connection whose handler runs reads nothing, so it cannot have been upgraded.
  auto& self = static_cast<HttpProtocol&>(connection->protocol());
  if (self.stream_parser_ != nullptr) {  // answered before all of the body was there
    self.response_context_.keep_alive = false;
    self.stream_parser_.reset();
  }
  if (response.source != nullptr && !self.response_context_.head_only) {
    connection->Answer(Serialize(response, self.response_context_));
    auto sending = SendSource(shard, id, *response.source);
    co_await sending;
    connection = shard.Find(id);
    if (connection == nullptr || connection->closing()) co_return;
  }
  self.busy_ = false;
  self.Respond(*connection, response);
  connection->ResumeReading();
}

// Piece by piece, no further ahead of the reader than kDownloadAhead.
Task<void> HttpProtocol::SendSource(Shard& shard, ConnectionId id, BodySource& source) {
  int64_t left = source.size();
  while (left > 0) {
    auto reading = source.Next();
    const Result<std::string> piece = co_await reading;
    Connection* connection = shard.Find(id);
    if (connection == nullptr || connection->closing()) co_return;
    if (!piece || piece->empty() || static_cast<int64_t>(piece->size()) > left) {
      co_return connection->Abort();  // the length is promised: the reader must see that it is cut
    }
    left -= static_cast<int64_t>(piece->size());
    connection->Answer(SharedBytes(*piece));
    if (left == 0 || connection->outbox().bytes() < kDownloadAhead) continue;
    connection->TellWhenBelow(kDownloadAhead);
    auto room = Suspend<bool>([connection](Resolve<bool> resolve) {
      static_cast<HttpProtocol&>(connection->protocol()).room_ = std::move(resolve);
    });
    const bool open = co_await room;
    if (!open) co_return;
  }
}

void HttpProtocol::OnDrained(Connection& connection) {
  if (!room_) return;
  connection.shard().Post([room = std::exchange(room_, {})]() mutable { room(true); });
}

void HttpProtocol::OnClosed(Connection& connection) {
  if (stream_parser_ != nullptr) {
    stream_parser_->get().body()->Fail(
        {.code = ErrorCode::bad_request, .detail = "The request was cut short."});
  }
  if (room_) {
    connection.shard().Post([room = std::exchange(room_, {})]() mutable { room(false); });
  }
}

void HttpProtocol::Respond(Connection& connection, const Response& response) {
  idle_since_ = connection.shard().clock().Steady();
  context_.counters.requests.Observe({.method = route_ ? route_->method : "none",
                                      .route = route_ ? route_->pattern : "none",
                                      .status = response.status},
                                     idle_since_ - request_since_);
  route_ = nullptr;
  if (last_) response_context_.keep_alive = false;
  if (response.source == nullptr || response_context_.head_only) {
    connection.Answer(Serialize(response, response_context_));
  }
  if (!response_context_.keep_alive) connection.CloseAfterFlush(kLinger);
}

void HttpProtocol::OnShutdown(Connection& connection, Duration) {
  last_ = true;
  if (!busy_) connection.CloseAfterFlush(kLinger);
}

void HttpProtocol::OnEndOfStream(Connection& connection) {
  if (stream_parser_ != nullptr) {
    stream_parser_->get().body()->Fail(
        {.code = ErrorCode::bad_request, .detail = "The request was cut short."});
  }
  connection.CloseAfterFlush(kLinger);
}

void HttpProtocol::CheckBody(Connection& connection, Monotonic now) {
  const auto allowed = kBodyDeadline + std::chrono::seconds(body_bytes_ / kLeastBytesPerSecond);
  if (now - request_since_ <= allowed) return;
  connection.PauseReading();
  stream_parser_->get().body()->Fail(
      {.code = ErrorCode::request_timeout, .detail = "The request came too slowly."});
}

void HttpProtocol::OnTick(Connection& connection, Monotonic now) {
  if (connection.closing()) return;
  if (room_ && now - connection.last_progress() > kDownloadDeadline) return connection.Abort();
  if (stream_parser_ != nullptr && !connection.reading_paused()) CheckBody(connection, now);
  if (busy_) return;
  if (parser_ == nullptr) {
    if (idle_since_ == Monotonic{}) idle_since_ = now;
    if (now - idle_since_ > kIdleDeadline && connection.outbox().empty()) {
      connection.CloseAfterFlush(kLinger);
    }
    return;
  }
  const auto deadline = parser_->is_header_done() ? kBodyDeadline : kHeaderDeadline;
  if (now - request_since_ > deadline) {
    Refuse(connection,
           {.code = ErrorCode::request_timeout, .detail = "The request came too slowly."});
  }
}

}  // namespace parley

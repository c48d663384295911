#include "http/http_protocol.h"

#include <algorithm>

#include "base/ids.h"
#include "http/http_syntax.h"

namespace parley {
namespace {

namespace http = boost::beast::http;
using namespace std::chrono_literals;

// The maximum time from the accept to the first byte, including the TLS handshake.
constexpr auto kFirstByteDeadline = 10s;
// Ends slow requests (slow-header attacks) and idle connections.
constexpr auto kHeaderDeadline = 10s;
constexpr auto kBodyDeadline = 60s;
// The minimum rate of a streamed body; it extends the deadline by the body's size.
constexpr uint64_t kLeastBytesPerSecond = 8 * 1024;
// The interval of access checks during a download.
constexpr auto kDownloadCheck = 2s;
// A response is aborted if the client reads no byte of it for this time.
constexpr auto kAnswerDeadline = 60s;
// The maximum queued bytes of a download, plus one piece.
constexpr size_t kDownloadAhead = 64 * 1024;
// The maximum time for discarding input after a response that closes the connection.
constexpr auto kLinger = 1s;
// The maximum body of a rejected request that is discarded so that the connection can be reused.
constexpr uint64_t kDiscarded = 64 * 1024;

Response TooLarge(uint64_t limit) {
  return Response::Problem(
      {.code = ErrorCode::too_large,
       .detail = "The body is too large: the limit is " + std::to_string(limit) + " bytes."});
}

// Continues the client's trace; otherwise starts one if `always`. Invalid headers are ignored, so these are
// not among the headers that Request checks.
std::optional<TraceContext> TraceOf(const BeastRequest& message,
                                    std::optional<std::string_view> traceparent, bool always) {
  if (traceparent) {
    std::string state;
    const auto lines = message.equal_range("tracestate");
    for (auto line = lines.first; line != lines.second; ++line) {
      if (!state.empty()) state += ',';
      state.append(line->value().data(), line->value().size());
    }
    if (auto trace = ContinueTrace(*traceparent, state)) return trace;
  }
  return always ? std::optional(NewTrace()) : std::nullopt;
}

bool IsMultipart(const Request& request) {
  constexpr std::string_view kType = "multipart/";
  return SameIgnoringCase(request.Header("Content-Type").substr(0, kType.size()), kType);
}

bool IsStreamed(const Request& request, const Route& route) {
  return route.streamed_bytes > 0 && IsMultipart(request);
}

}  // namespace

size_t HttpProtocol::OnBytes(Connection& connection, std::span<char> bytes) {
  std::string_view rest(bytes.data(), bytes.size());
  while (!connection.reading_paused() && !connection.closing()) {
    if (stage_ == Stage::kHeader && !reader_.in_request()) {
      // Until the handler has responded (Run), or the responses are written (OnDrained).
      if (busy_ || !connection.HasRoom()) {
        connection.PauseReading();
        break;
      }
      request_since_ = connection.shard().clock().Steady();
      response_context_ = {};
      access_ = {};
    }
    const RequestReader::Event event = reader_.Next(rest);
    switch (event.kind) {
      case RequestReader::Kind::kNeedMore:
        return bytes.size() - rest.size();
      case RequestReader::Kind::kHeader:
        if (OnHeader(connection)) return bytes.size() - rest.size();
        break;
      case RequestReader::Kind::kBody:
        OnBody(connection, event.body);
        break;
      case RequestReader::Kind::kEnd:
        OnEnd(connection);
        break;
      case RequestReader::Kind::kError:
        OnFault(connection);
        break;
    }
  }
  return bytes.size() - rest.size();
}

void HttpProtocol::DescribeAnswer(const Connection& connection, const BeastRequest* message) {
  const auto header = [&](std::string_view name) -> std::optional<std::string_view> {
    if (message == nullptr) return std::nullopt;
    const auto range = message->equal_range(boost::beast::string_view(name.data(), name.size()));
    if (range.first == range.second || std::next(range.first) != range.second) return std::nullopt;
    return std::string_view(range.first->value().data(), range.first->value().size());
  };
  const auto origin = header("Origin");
  const std::string_view host = header("Host").value_or("");
  std::string& lines = response_context_.lines;
  lines = context_.cors.Headers(origin, host);
  if (connection.peer().tls && context_.hsts > Duration(0)) {
    lines.append("Strict-Transport-Security: max-age=")
        .append(std::to_string(context_.hsts.count() / kMicrosPerSecond))
        .append("\r\n");
  }
  access_.request_id = RequestIdFrom(header("X-Request-ID"));
  lines.append("X-Request-ID: ").append(access_.request_id).append("\r\n");
  access_.client = connection.peer().address;
  if (message == nullptr) return;
  access_.trace = TraceOf(*message, header("traceparent"), context_.access_log);
  if (!context_.access_log) return;
  access_.method.assign(message->method_string().data(), message->method_string().size());
  access_.path = LoggedPath({message->target().data(), message->target().size()});
}

bool HttpProtocol::OnHeader(Connection& connection) {
  spoken_ = true;
  BeastRequest message = reader_.TakeHeader();
  DescribeAnswer(connection, &message);
  keep_alive_ = response_context_.keep_alive = message.keep_alive();
  response_context_.http_1_0 = message.version() < 11;
  response_context_.head_only = message.method() == http::verb::head;
  // RFC 9112 §3.2. Applies to probes too, which can use any host name.
  if (!response_context_.http_1_0 && message.count(http::field::host) != 1) {
    Refuse(connection,
           {.code = ErrorCode::bad_host, .detail = "There must be exactly one Host header."});
    return false;
  }
  Result<Request> request = Request::From(std::move(message), connection.peer());
  if (!request) {
    Refuse(connection, request.error());
    return false;
  }
  access_.client = context_.site.ClientAddress(*request);
  const bool serves_socket = context_.upgrade.Serves(*request);
  if (serves_socket && context_.access_log) access_.session = RandomIdHex(8);
  request->set_access({.client = access_.client,
                       .id = access_.request_id,
                       .session = access_.session,
                       .trace = access_.trace});
  if (const auto error = RefusalOfConnection(connection, *request)) {
    Refuse(connection, *error);
    return false;
  }
  if (serves_socket) {
    const bool has_body = request->has_body();
    const auto refusal = context_.upgrade.Upgrade(connection, std::move(*request));
    if (!refusal) {
      if (context_.access_log) LogRequest(access_, 101, Duration(0));
      return true;
    }
    RefuseUnread(connection, *refusal, has_body);
    return false;
  }
  Caller caller;
  const bool expects =
      !response_context_.http_1_0 && SameIgnoringCase(request->Header("Expect"), "100-continue");
  if (const auto refusal = Refusal(*request, caller)) {
    RefuseUnread(connection, *refusal, expects);
    return false;
  }
  if (expects && request->has_body()) {
    connection.Answer(SharedBytes("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  Accept(connection, std::move(*request), std::move(caller));
  return false;
}

std::optional<Response> HttpProtocol::RefusalOfBody(const Request& request) const {
  if (!request.has_body()) return std::nullopt;
  // RFC 9110 §12.5.3: a 415 for a content coding lists the accepted codings in Accept-Encoding.
  for (const std::string_view coding : request.HeaderList("Content-Encoding")) {
    if (SameIgnoringCase(coding, "identity")) continue;
    Response refusal =
        Response::Problem({.code = ErrorCode::unsupported_media_type,
                           .detail = "The only supported Content-Encoding is identity."});
    refusal.headers.emplace_back("Accept-Encoding", "identity");
    return refusal;
  }
  const uint64_t limit = BodyLimit(request);
  if (reader_.body_left().value_or(0) > limit) return TooLarge(limit);
  return std::nullopt;
}

uint64_t HttpProtocol::BodyLimit(const Request& request) const {
  return IsStreamed(request, *route_) ? route_->streamed_bytes : context_.limits.body_bytes;
}

void HttpProtocol::Accept(Connection& connection, Request request, Caller caller) {
  body_bytes_ = 0;
  body_limit_ = BodyLimit(request);
  auto pending =
      std::make_unique<RequestContext>(RequestContext{std::move(request), std::move(caller)});
  if (!IsStreamed(pending->request, *route_) || !pending->request.has_body()) {
    pending_ = std::move(pending);
    stage_ = Stage::kBody;
    return;
  }
  stage_ = Stage::kStreaming;
  stream_ = std::make_shared<BodyStream>(connection.shard(),
                                         [&shard = connection.shard(), id = connection.id()] {
                                           if (Connection* found = shard.Find(id))
                                             found->ResumeReading();
                                         });
  pending->body = stream_;
  response_context_.keep_alive = false;  // until the body has arrived
  busy_ = true;
  Run(context_, connection.shard(), connection.id(), *route_, std::move(*pending)).Detach();
}

void HttpProtocol::OnBody(Connection& connection, std::string_view bytes) {
  body_bytes_ += bytes.size();
  if (stage_ == Stage::kDiscarding) {
    if (body_bytes_ <= kDiscarded || refusal_ == nullptr) return;
    response_context_.keep_alive = false;
    return Respond(connection, *std::exchange(refusal_, {}));
  }
  if (body_bytes_ > body_limit_) {
    if (stage_ == Stage::kBody) {
      pending_.reset();
      body_ = {};
      response_context_.keep_alive = false;
      return Respond(connection, TooLarge(body_limit_));
    }
    FailStream({.code = ErrorCode::too_large, .detail = "The body is too large."});
    return connection.PauseReading();
  }
  if (stage_ == Stage::kBody) {
    body_.append(bytes);
  } else if (stream_ != nullptr) {
    stream_->Push(bytes);
    // The end of a complete body needs no further input: it must not wait for a read.
    if (stream_->full() && reader_.has_body()) connection.PauseReading();
  }
}

void HttpProtocol::OnEnd(Connection& connection) {
  const Stage ended = std::exchange(stage_, Stage::kHeader);
  if (ended == Stage::kStreaming && stream_ != nullptr) {
    stream_->End();
    stream_.reset();
    response_context_.keep_alive = keep_alive_;
    connection.PauseReading();  // while the handler runs
  }
  if (refusal_ != nullptr) Respond(connection, *std::exchange(refusal_, {}));
  if (ended != Stage::kBody) return;
  RequestContext request = std::move(*std::exchange(pending_, {}));
  request.request.set_body(std::exchange(body_, {}));
  busy_ = true;
  connection.PauseReading();
  Run(context_, connection.shard(), connection.id(), *route_, std::move(request)).Detach();
}

void HttpProtocol::OnFault(Connection& connection) {
  const RequestReader::Fault& fault = reader_.fault();
  drain_ = fault.drain;
  if (stage_ == Stage::kStreaming) {
    FailStream(fault.error);
    return connection.PauseReading();  // the handler responds, and the connection is closed
  }
  response_context_.keep_alive = false;
  pending_.reset();
  refusal_.reset();
  body_ = {};
  Respond(connection, Response::Problem(fault.error));
}

void HttpProtocol::Refuse(Connection& connection, const Error& error) {
  response_context_.keep_alive = false;
  Respond(connection, Response::Problem(error));
}

void HttpProtocol::RefuseUnread(Connection& connection, Response response, bool uncertain) {
  stage_ = Stage::kDiscarding;
  body_bytes_ = 0;
  const bool at_once = uncertain || reader_.body_left().value_or(0) > kDiscarded;
  if (reader_.has_body() && !at_once) {
    refusal_ = std::make_unique<Response>(std::move(response));
    return;
  }
  if (reader_.has_body()) response_context_.keep_alive = false;
  Respond(connection, response);
}

Task<void> HttpProtocol::Run(HttpContext& context, Shard& shard, ConnectionId id, Route& route,
                             RequestContext request) {
  const Monotonic since = shard.clock().Steady();
  const Response response = co_await route.handler(request);
  Connection* connection = shard.Find(id);
  if (connection == nullptr || connection->closing()) {
    // The client has disconnected; the request still took effect.
    if (!context.access_log) co_return;
    const Request& done = request.request;
    co_return LogRequest({.method = std::string(done.method()),
                          .path = LoggedPath(done.path()),
                          .client = done.access().client,
                          .user = request.caller.user,
                          .request_id = done.access().id,
                          .session = {},
                          .trace = done.access().trace},
                         response.status,
                         std::chrono::duration_cast<Duration>(shard.clock().Steady() - since));
  }
  // The protocol is still HTTP: a connection with a running handler does not read, so it was not
  // upgraded.
  auto& self = static_cast<HttpProtocol&>(connection->protocol());
  if (self.stage_ == Stage::kStreaming) {  // the response was sent before the body was complete
    self.response_context_.keep_alive = false;
    self.stream_.reset();
  }
  if (response.source != nullptr && !self.response_context_.head_only) {
    self.download_ = std::make_unique<Download>(Download{
        .source = response.source, .identity = request.caller.identity, .checked_at = since});
    connection->Answer(Serialize(response, self.response_context_));
    auto sending = SendSource(shard, id, *response.source);
    co_await sending;
    connection = shard.Find(id);
    if (connection == nullptr || connection->closing()) co_return;
    // Queued output is still written, under the timeouts.
  }
  self.busy_ = false;
  self.Respond(*connection, response);
  connection->ResumeReading();
}

// Sends pieces, at most kDownloadAhead bytes ahead of the client.
Task<void> HttpProtocol::SendSource(Shard& shard, ConnectionId id, BodySource& source) {
  int64_t left = source.size();
  while (left > 0) {
    auto reading = source.Next();
    const Result<std::string> piece = co_await reading;
    Connection* connection = shard.Find(id);
    if (connection == nullptr || connection->closing()) co_return;
    if (!piece || piece->empty() || static_cast<int64_t>(piece->size()) > left) {
      // The length was announced: the client must detect the truncation.
      co_return connection->Abort();
    }
    left -= static_cast<int64_t>(piece->size());
    connection->Answer(SharedBytes(*piece));
    if (left == 0 || connection->outbox().bytes() < kDownloadAhead) continue;
    connection->NotifyWhenBelow(kDownloadAhead);
    auto room = Suspend<bool>([connection](Resolve<bool> resolve) {
      static_cast<HttpProtocol&>(connection->protocol()).room_ = std::move(resolve);
    });
    const bool open = co_await room;
    if (!open) co_return;
  }
}

void HttpProtocol::CheckDownload(Connection& connection, Monotonic now) {
  if (download_ == nullptr) return;
  if (!busy_ && connection.outbox().empty()) return download_.reset();
  Download& download = *download_;
  if (download.identity != nullptr &&
      context_.verifier.WhyEnded(*download.identity, download.asked)) {
    return connection.Abort();
  }
  if (now - download.checked_at < kDownloadCheck) return;
  download.checked_at = now;
  AbortIfAccessLost(connection.shard(), connection.id(), download.source).Detach();
}

Task<void> HttpProtocol::AbortIfAccessLost(Shard& shard, ConnectionId id,
                                           std::shared_ptr<BodySource> source) {
  auto asking = source->StillAllowed();
  if (co_await asking) co_return;
  Connection* connection = shard.Find(id);
  if (connection == nullptr || connection->closing()) co_return;
  const auto& self = static_cast<const HttpProtocol&>(connection->protocol());
  if (self.download_ != nullptr && self.download_->source == source) connection->Abort();
}

void HttpProtocol::OnDrained(Connection& connection) {
  if (room_) {
    connection.shard().Post([room = std::exchange(room_, {})]() mutable { room(true); });
  } else if (!busy_ && connection.HasRoom()) {
    connection.ResumeReading();
  }
}

void HttpProtocol::FailStream(Error error) {
  if (stream_ != nullptr) stream_->Fail(std::move(error));
}

void HttpProtocol::OnClosed(Connection& connection) {
  FailStream({.code = ErrorCode::bad_request, .detail = "The request is incomplete."});
  if (room_) {
    connection.shard().Post([room = std::exchange(room_, {})]() mutable { room(false); });
  }
}

void HttpProtocol::Respond(Connection& connection, const Response& response) {
  idle_since_ = connection.shard().clock().Steady();
  if (access_.request_id.empty()) DescribeAnswer(connection, nullptr);
  LogAnswer(response.status, std::chrono::duration_cast<Duration>(idle_since_ - request_since_));
  context_.counters.requests.Observe({.method = route_ ? route_->method : "none",
                                      .route = route_ ? route_->pattern : "none",
                                      .status = response.status},
                                     idle_since_ - request_since_);
  route_ = nullptr;
  if (last_) response_context_.keep_alive = false;
  if (response.source == nullptr || response_context_.head_only) {
    connection.Answer(Serialize(response, response_context_));
    if (!response.shared.empty() && !response_context_.head_only)
      connection.Answer(response.shared);
  }
  if (!response_context_.keep_alive) Close(connection);
}

void HttpProtocol::LogAnswer(int status, Duration took) {
  if (context_.access_log) return LogRequest(access_, status, took);
  // Load balancers poll readiness; its failures have their own log lines.
  if (status < 500 || (route_ != nullptr && route_->pattern == "/readyz")) return;
  if (route_ != nullptr) {
    access_.method = route_->method;
    access_.path = route_->pattern;
  }
  LogFailure(access_, status, took);
}

void HttpProtocol::Close(Connection& connection) {
  connection.CloseAfterFlush(last_ ? Duration(kLinger) : Duration(kAnswerDeadline),
                             drain_ ? Duration(kLinger) : Duration(0));
}

void HttpProtocol::OnShutdown(Connection& connection, Duration) {
  last_ = true;
  // A request that has partly arrived is answered: its client may not be able to repeat it.
  if (!busy_ && !reader_.in_request()) Close(connection);
}

void HttpProtocol::OnEndOfStream(Connection& connection) {
  FailStream({.code = ErrorCode::bad_request, .detail = "The request is incomplete."});
  Close(connection);
}

void HttpProtocol::OnTick(Connection& connection, Monotonic now) {
  CheckDownload(connection, now);
  if (connection.closing()) return;
  if (!connection.outbox().empty() && now - connection.last_progress() > kAnswerDeadline) {
    return connection.Abort();
  }
  if (stage_ == Stage::kStreaming && !connection.reading_paused()) {
    const auto allowed = kBodyDeadline + std::chrono::seconds(body_bytes_ / kLeastBytesPerSecond);
    if (now - request_since_ > allowed) {
      connection.PauseReading();
      FailStream(
          {.code = ErrorCode::request_timeout, .detail = "The request was not received in time."});
    }
  }
  if (!busy_) CheckTimes(connection, now);
}

void HttpProtocol::CheckTimes(Connection& connection, Monotonic now) {
  if (!reader_.in_request()) {
    if (idle_since_ == Monotonic{}) idle_since_ = now;
    const Duration allowed = spoken_ ? context_.keep_alive_timeout : Duration(kFirstByteDeadline);
    if (now - idle_since_ >= allowed && connection.outbox().empty()) Close(connection);
    return;
  }
  const auto allowed =
      stage_ == Stage::kBody && !last_ ? Duration(kBodyDeadline) : Duration(kHeaderDeadline);
  if (now - request_since_ <= allowed) return;
  if (refusal_ != nullptr) {
    response_context_.keep_alive = false;
    return Respond(connection, *std::exchange(refusal_, {}));
  }
  Refuse(connection,
         {.code = ErrorCode::request_timeout, .detail = "The request was not received in time."});
}

}  // namespace parley

#include "session/ws_endpoint.h"

#include "http/body.h"
#include "session/echo_socket.h"

namespace parley {
namespace {

using Path = std::vector<std::string>;

bool IsEcho(const Path& path) { return path == Path{"test", "echo"}; }
bool IsOfUser(const Path& path) { return path == Path{"ws", "messaging"}; }
bool IsOfConversation(const Path& path) {
  return path.size() == 4 && path[0] == "ws" && path[1] == "messaging" &&
         path[2] == "conversations";
}

// Checks the opening handshake (RFC 6455 §4.2.1); returns the refusal of an invalid one.
std::optional<Response> CheckHandshake(const Request& request) {
  if (request.method() != "GET") {
    Response refusal = Response::Problem(
        {.code = ErrorCode::method_not_allowed, .detail = "The WebSocket handshake must use GET."});
    refusal.headers.emplace_back("Allow", "GET");
    return refusal;
  }
  const bool upgrade = request.http_version() >= 11 &&
                       request.HeaderHasToken("Upgrade", "websocket") &&
                       request.HeaderHasToken("Connection", "Upgrade");
  if (request.HasHeader("Sec-WebSocket-Version") && !request.HeaderOnce("Sec-WebSocket-Version")) {
    return Response::Problem({.code = ErrorCode::bad_request,
                              .detail = "There must be exactly one Sec-WebSocket-Version header."});
  }
  if (!upgrade || request.Header("Sec-WebSocket-Version") != "13") {
    Response refusal =
        Response::Problem({.code = ErrorCode::upgrade_required,
                           .detail = "This path requires a WebSocket handshake, version 13."});
    refusal.headers.emplace_back("Upgrade", "websocket");
    refusal.headers.emplace_back("Connection", "Upgrade");
    refusal.headers.emplace_back("Sec-WebSocket-Version", "13");
    return refusal;
  }
  const auto key = request.HeaderOnce("Sec-WebSocket-Key");
  if (!key || !IsValidKey(*key)) {
    return Response::Problem({.code = ErrorCode::bad_request,
                              .detail = "Sec-WebSocket-Key must be 16 bytes in base64."});
  }
  if (request.has_body()) {
    return Response::Problem({.code = ErrorCode::bad_request,
                              .detail = "The WebSocket handshake must not have a body."});
  }
  return std::nullopt;
}

struct Protocols {
  bool bearer = false;
  std::optional<std::string> token;
};

// "bearer, <jwt>": a browser's way to send a token outside the URL.
Protocols ParseProtocols(const Request& request) {
  Protocols found;
  for (const std::string_view item : request.HeaderList("Sec-WebSocket-Protocol")) {
    if (item == "bearer" && !found.bearer) {
      found.bearer = true;
    } else if (found.bearer && !found.token) {
      found.token = item;
    }
  }
  return found;
}

// The token of the first place that has one: header, subprotocol, query. Empty for a bad header, which is
// rejected after the handshake, so that a browser receives the close code.
std::optional<std::string> TokenOf(const Request& request, const Protocols& protocols) {
  const auto header = BearerToken(request);
  if (!header) return "";
  if (*header) return std::string(**header);
  if (protocols.token) return protocols.token;
  if (const auto token = request.Query("token")) return std::string(*token);
  return std::nullopt;
}

void ReadQuery(const Request& request, SessionRequest& session) {
  if (session.conversation) {
    if (const auto since = request.Query("since")) session.since = std::string(*since);
    return;
  }
  session.hold_until_resume = FlagQuery(request, "resume").value_or(false);
  if (const auto cursor = request.Query("cursor")) session.cursor = ParseUserCursor(*cursor);
}

SharedBytes SwitchingProtocols(const Request& request, bool bearer,
                               const std::optional<DeflateTerms>& deflate) {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
  answer += AcceptKey(request.Header("Sec-WebSocket-Key"));
  answer += "\r\nX-Request-ID: " + request.access().id;
  if (bearer) answer += "\r\nSec-WebSocket-Protocol: bearer";
  if (deflate) answer += "\r\nSec-WebSocket-Extensions: " + deflate->answer;
  answer += "\r\n\r\n";
  return SharedBytes(answer);
}

}  // namespace

bool WsEndpoint::Serves(const Request& request) const {
  const Path& path = request.segments();
  return (!path.empty() && path.front() == "ws") || (options_.test_echo && IsEcho(path));
}

std::optional<Response> WsEndpoint::UpgradeToEcho(Connection& connection, const Request& request) {
  if (auto refusal = CheckHandshake(request)) return refusal;
  if (const auto foreign = site_.CheckOrigin(request)) return Response::Problem(*foreign);
  const auto deflate = TakeDeflateOffer(request.HeaderList("Sec-WebSocket-Extensions"));
  connection.Answer(SwitchingProtocols(request, false, deflate));
  connection.SwitchProtocol(std::make_unique<EchoSocket>(deflate));
  return std::nullopt;
}

std::optional<Response> WsEndpoint::TakeAddress(const Request& request, WsOpening& opening) {
  RateLimiter& limiter = context_.rate_limiter;
  const std::string& address = request.access().client;
  if (!limiter.on() || address.empty()) return std::nullopt;
  const std::string key = AddressKey(address);
  if (const auto wait = limiter.Take(Limit::kAddress, key)) {
    return RateLimitProblem(RateLimited(*wait), limiter, Limit::kAddress, key);
  }
  const int64_t most = limiter.limits().sockets_per_address;
  if (most == 0) return std::nullopt;
  opening.address_socket = context_.sockets.Take(key, most);
  if (opening.address_socket) return std::nullopt;
  limiter.CountRefusal(Limit::kAddress);
  return Response::Problem(
      {.code = ErrorCode::rate_limited,
       .detail = "An address can have at most " + std::to_string(most) + " open sockets.",
       .retry_after = std::chrono::seconds(10)});
}

std::optional<Error> WsEndpoint::CheckToken(const std::optional<std::string>& token) const {
  if (!token) return Error{.code = ErrorCode::forbidden, .detail = "The handshake has no token."};
  const auto identity = context_.verifier.Verify(*token);
  if (identity) return std::nullopt;
  return Error{.code = ErrorCode::forbidden, .detail = identity.error().detail};
}

std::optional<Response> WsEndpoint::Upgrade(Connection& connection, Request request) {
  WsOpening opening;
  const Path& path = request.segments();
  if (IsEcho(path)) return UpgradeToEcho(connection, request);
  if (IsOfConversation(path)) {
    const std::optional<Uuid> id = Uuid::Parse(path.back());
    opening.session.conversation = id.value_or(Uuid{});
    opening.bad_conversation_id = !id;
  } else if (!IsOfUser(path)) {
    return Response::Problem(Error::NotFound());
  }
  if (auto refusal = CheckHandshake(request)) return refusal;
  if (const auto foreign = site_.CheckOrigin(request)) return Response::Problem(*foreign);

  if (auto refusal = TakeAddress(request, opening)) return refusal;

  const Protocols protocols = ParseProtocols(request);
  opening.token = TokenOf(request, protocols);
  if (options_.refuse_bad_tokens) {
    if (const auto refused = CheckToken(opening.token)) return Response::Problem(*refused);
  }
  ReadQuery(request, opening.session);

  if (options_.deflate) {
    opening.deflate = TakeDeflateOffer(request.HeaderList("Sec-WebSocket-Extensions"));
  }
  if (options_.access_log) {
    const RequestAccess& access = request.access();
    opening.access = std::make_unique<AccessLine>(AccessLine{.method = "GET",
                                                             .path = LoggedPath(request.path()),
                                                             .client = access.client,
                                                             .user = {},
                                                             .request_id = access.id,
                                                             .session = access.session,
                                                             .trace = access.trace});
  }
  connection.Answer(SwitchingProtocols(request, protocols.bearer, opening.deflate));
  auto transport = std::make_unique<WsTransport>(context_, counters_, connection, compressed_,
                                                 std::move(opening));
  WsTransport& started = *transport;
  connection.SwitchProtocol(std::move(transport));
  started.Start();
  return std::nullopt;
}

}  // namespace parley

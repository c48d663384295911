// HttpProtocol: the checks of a request before its body is read: the connection limit, the site, the
// route, the caller and the rate.
#include "http/http_protocol.h"
#include "http/http_syntax.h"

namespace parley {

Result<std::optional<std::string_view>> BearerToken(const Request& request) {
  if (!request.HasHeader("Authorization")) return std::optional<std::string_view>();
  const auto header = request.HeaderOnce("Authorization");
  if (!header) {
    return Fail(ErrorCode::not_authenticated, "There must be exactly one Authorization header.");
  }
  const std::string_view scheme = header->substr(0, header->find(' '));
  if (!SameIgnoringCase(scheme, "Bearer")) return std::optional<std::string_view>();
  std::string_view token = header->substr(scheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  return std::optional<std::string_view>(token);
}

std::optional<Error> HttpProtocol::RefusalOfConnection(const Connection&,
                                                       const Request& request) const {
  if (context_.connection_limit > 0 &&
      context_.connections.value() > static_cast<int64_t>(context_.connection_limit)) {
    return Error{.code = ErrorCode::overloaded,
                 .detail = "The server has reached its connection limit.",
                 .retry_after = std::chrono::seconds(1)};
  }
  if (last_ && context_.upgrade.Serves(request)) {
    return Error{.code = ErrorCode::overloaded,
                 .detail = "The server is shutting down.",
                 .retry_after = std::chrono::seconds(1)};
  }
  return context_.site.CheckRequest(request);
}

std::optional<Response> HttpProtocol::Refusal(Request& request, Caller& caller) {
  if (auto refusal = FindRoute(request)) return refusal;
  Result<Caller> identified = Identify(request, *route_);
  if (!identified) return Response::Problem(identified.error());
  caller = std::move(*identified);
  access_.user = caller.user;
  if (auto refusal = RefusalOfBody(request)) return refusal;
  if (const auto limited = TakeRate(*route_, caller)) return Response::Problem(*limited);
  return std::nullopt;
}

std::optional<Response> HttpProtocol::FindRoute(Request& request) {
  const std::string* const prefix = context_.prefixes.Normalize(request.segments());
  if (prefix == nullptr) return Response::Problem(Error::NotFound());
  request.set_api_prefix(*prefix);
  Router::Match match = context_.router.Find(request.method(), request.segments());
  if (match.route == nullptr && match.allow.empty()) {
    return Response::Problem(Error::NotFound());
  }
  const bool preflight = request.method() == "OPTIONS" && request.HasHeader("Origin") &&
                         request.HasHeader("Access-Control-Request-Method");
  if (match.route == nullptr && preflight &&
      context_.cors.Allows(request.HeaderOnce("Origin"), request.Header("Host"))) {
    response_context_.lines += CorsPolicy::PreflightHeaders(match.allow);
    return Response::NoContent();
  }
  if (match.route == nullptr) {
    Response refusal = Response::Problem(
        {.code = ErrorCode::method_not_allowed,
         .detail = "This path does not support the method; see the Allow header."});
    refusal.headers.emplace_back("Allow", match.allow);
    return refusal;
  }
  route_ = match.route;
  request.set_params(std::move(match.params));
  return std::nullopt;
}

std::optional<Error> HttpProtocol::TakeRate(const Route& route, const Caller& caller) {
  RateLimiter& limiter = context_.rate_limiter;
  const Limit limit = route.limit;
  if (!limiter.on() || limit == Limit::kNone || caller.service || caller.user.empty()) {
    return std::nullopt;
  }
  const auto wait = limiter.Take(limit, caller.user);
  for (const auto& [name, value] : limiter.Headers(limit, caller.user)) {
    response_context_.lines.append(name).append(": ").append(value).append("\r\n");
  }
  if (!wait) return std::nullopt;
  return RateLimited(*wait);
}

Result<Caller> HttpProtocol::Identify(const Request& request, const Route& route) const {
  if (route.access == Access::kOpen) return Caller{};
  auto token = BearerToken(request);
  if (!token) return Fail(token.error());
  if (!*token && route.access == Access::kFile) {
    *token = request.Query("token");
    if (!*token && FileLinks::IsSigned(request)) {
      const auto file = Uuid::Parse(request.Param("id"));
      const auto reader = context_.links.Verify(request, file.value_or(Uuid{}));
      if (!reader) return Fail(reader.error());
      return Caller{reader->user, reader->service};
    }
  }
  if (!*token) {
    return Fail(ErrorCode::not_authenticated, "Authentication credentials were not provided.");
  }
  Result<Identity> verified = context_.verifier.Verify(**token);
  if (!verified) return Fail(verified.error());
  const auto identity = std::make_shared<const Identity>(std::move(*verified));
  Caller caller{identity->user, identity->service, identity};
  if (request.HasHeader("X-On-Behalf-Of")) {
    if (!caller.service) {
      return Fail(ErrorCode::forbidden, "Only a service token can act for another user.");
    }
    const auto text = request.HeaderOnce("X-On-Behalf-Of");
    const auto user = text ? ParseUserId(*text) : std::nullopt;
    if (!user) {
      return Fail(
          Error::Field("X-On-Behalf-Of", "Must be one user id: " + std::string(kUserIdRule) + "."));
    }
    caller.user = *user;
  }
  return caller;
}

}  // namespace parley

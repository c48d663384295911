#include "feature/development/development_api.h"

#include "assets.h"
#include "http/body.h"
#include "http/page.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

constexpr auto kTokenLifetime = std::chrono::hours(12);

bool WasForwarded(const Request& request) {
  return request.HasHeader("Forwarded") || request.HasHeaderPrefix("X-Forwarded-");
}

Task<Response> PostToken(Services& services, const SitePolicy& site, const Key& signing_key,
                         RequestContext& context) {
  if (!context.request.peer().loopback || WasForwarded(context.request)) {
    co_return Response::Problem(
        {.code = ErrorCode::forbidden,
         .detail = "Development tokens are only issued to clients on this machine."});
  }
  if (const auto foreign = site.CheckOrigin(context.request)) {
    co_return Response::Problem(*foreign);
  }
  const auto body = JsonBody(context.request, services.json);
  if (!body) co_return Response::Problem(body.error());
  FieldReader fields(*body);
  const auto user = fields.User("user_id");
  if (!fields.Has("user_id")) fields.Wrong("user_id", "This field is required.");
  if (const auto error = fields.error()) co_return Response::Problem(*error);

  const Result<std::string> token =
      MintToken(signing_key, {.user = *user, .ttl = kTokenLifetime}, services.clock);
  if (!token) co_return Response::Problem(token.error());
  std::string json;
  JsonWriter out(json);
  out.BeginObject();
  out.Field("token", std::string_view(*token));
  out.Field("user_id", std::string_view(*user));
  out.Field("expires_at",
            Timestamp{services.clock.Now().micros + Duration(kTokenLifetime).count()});
  out.EndObject();
  co_return Response::Json(200, std::move(json));
}

}  // namespace

void RegisterDevelopment(Router& routes, Services& services, const SitePolicy& site,
                         const Key* signing_key) {
  routes.Add("GET", "/", Access::kOpen, Limit::kNone,
             [page = HtmlPage(assets::web_dev_index_html)](RequestContext&) -> Task<Response> {
               co_return page;
             });
  if (signing_key == nullptr) return;
  routes.Add("POST", "/dev/token", Access::kOpen, Limit::kNone,
             [&services, &site, signing_key](RequestContext& context) {
               return PostToken(services, site, *signing_key, context);
             });
}

}  // namespace parley

#include "feature/development/development_api.h"

#include <openssl/evp.h>

#include "assets.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

constexpr auto kTokenLifetime = std::chrono::hours(12);

// 'sha256-…' of what stands between the tags: the page's one script and one style may run, nothing
// that somebody smuggled in (CSP level 2, §4.2.5).
std::string HashOfInline(std::string_view page, std::string_view tag) {
  const std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  const size_t begin = page.find(open) + open.size();
  const std::string_view inside = page.substr(begin, page.find(close, begin) - begin);
  uint8_t digest[32];
  EVP_Digest(inside.data(), inside.size(), digest, nullptr, EVP_sha256(), nullptr);
  char base64[48];
  const int size = EVP_EncodeBlock(reinterpret_cast<uint8_t*>(base64), digest, sizeof digest);
  return "'sha256-" + std::string(base64, static_cast<size_t>(size)) + "'";
}

std::string PagePolicy() {
  const std::string_view page = assets::index_html;
  return "default-src 'none'; script-src " + HashOfInline(page, "script") + "; style-src " +
         HashOfInline(page, "style") +
         "; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

Task<Response> PostToken(Services& services, const Key& signing_key, RequestContext& context) {
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

void RegisterDevelopment(Router& routes, Services& services, const Key& signing_key) {
  routes.Add("GET", "/", Access::kOpen, Limit::kNone,
             [policy = PagePolicy()](RequestContext&) -> Task<Response> {
               Response page{.content_type = "text/html; charset=utf-8"};
               page.body = assets::index_html;
               page.headers.emplace_back("Content-Security-Policy", policy);
               co_return page;
             });
  routes.Add("POST", "/dev/token", Access::kOpen, Limit::kNone,
             [&services, &signing_key](RequestContext& context) {
               return PostToken(services, signing_key, context);
             });
}

}  // namespace parley

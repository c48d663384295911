#include "feature/health/health_api.h"

namespace parley {
namespace {

Task<Response> Livez(RequestContext&) { co_return Response::Json(200, R"({"status":"ok"})"); }

Response Readyz(const StoreState& store, const NodeHealth& health) {
  if (const char* reason = WhyNotReady(store, health)) {
    return Response::Json(503, std::string(R"({"status":")") + reason + R"("})");
  }
  return Response::Json(200, R"({"status":"ready","version":")" PARLEY_VERSION R"("})");
}

std::string MetricsText(const NodeHealth& health) {
  MetricFamilies out;
  health.metrics(out);
  return out.Text();
}

}  // namespace

const char* WhyNotReady(const StoreState& store, const NodeHealth& health) {
  if (health.draining) return "draining";
  if (!store.Ready()) return "store_unavailable";
  const bool mismatch = health.cluster != nullptr && health.cluster->store_mismatch();
  return mismatch ? "store_mismatch" : nullptr;
}

void RegisterHealth(Router& routes, StoreState& store, const NodeHealth& health,
                    bool open_metrics) {
  routes.Add("GET", "/livez", Access::kOpen, Limit::kNone, Livez);
  routes.Add(
      "GET", "/readyz", Access::kOpen, Limit::kNone,
      [&store, &health](RequestContext&) -> Task<Response> { co_return Readyz(store, health); });
  const Access access = open_metrics ? Access::kOpen : Access::kUser;
  routes.Add("GET", "/metrics", access, Limit::kNone,
             [&health, open_metrics](RequestContext& context) -> Task<Response> {
               if (!open_metrics && !context.caller.service) {
                 co_return Response::Problem({.code = ErrorCode::forbidden,
                                              .detail = "This route requires a service token."});
               }
               Response response{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
               response.body = MetricsText(health);
               co_return response;
             });
}

}  // namespace parley

#include "feature/health/health_api.h"

#include "base/ask.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

Task<Response> Livez(RequestContext&) { co_return Response::Json(200, R"({"status":"ok"})"); }

Response Readyz(const StoreState& store, const NodeHealth& health) {
  if (const char* reason = WhyNotReady(store, health)) {
    Response unready = Response::Json(503, std::string(R"({"status":")") + reason + R"("})");
    unready.headers.emplace_back("Retry-After", "1");
    return unready;
  }
  return Response::Json(200, R"({"status":"ready","version":")" PARLEY_VERSION R"("})");
}

Task<Response> Metrics(const NodeHealth& health) {
  MetricFamilies out;
  health.metrics(out);
  Response response{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
  response.body = out.Text();
  co_return response;
}

void AppendNode(JsonWriter& json, const Cluster::NodeReport& node) {
  json.BeginObject();
  json.Field("node", node.node);
  json.Field("silent_ms", node.silent_for.count() / 1000);
  json.Field("leaving", node.leaving);
  json.Field("other_store", node.foreign);
  json.Key("status");
  if (node.status.empty()) {
    json.Null();
  } else {
    json.Raw(node.status);
  }
  json.EndObject();
}

// This node, and the others that it knows.
Task<Response> Status(Executor& executor, const NodeHealth& health) {
  std::vector<Cluster::NodeReport> nodes;
  if (health.cluster != nullptr) {
    auto listing = Ask(executor, *health.cluster, &Cluster::ListNodes);
    auto listed = co_await listing;
    if (listed) nodes = std::move(*listed);
  }
  Cluster::NodeReport own{.node = health.node, .status = health.status()};
  own.leaving = health.draining;
  nodes.insert(nodes.begin(), std::move(own));
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Key("nodes");
  json.BeginArray();
  for (const Cluster::NodeReport& node : nodes) AppendNode(json, node);
  json.EndArray();
  json.EndObject();
  co_return Response::Json(200, std::move(text));
}

Task<Response> Refuse() {
  co_return Response::Problem(
      {.code = ErrorCode::forbidden, .detail = "This route requires a service token."});
}

}  // namespace

const char* WhyNotReady(const StoreState& store, const NodeHealth& health) {
  if (health.draining) return "draining";
  if (!store.Ready()) return "store_unavailable";
  const bool mismatch = health.cluster != nullptr && health.cluster->store_mismatch();
  return mismatch ? "store_mismatch" : nullptr;
}

void RegisterHealth(Router& routes, StoreState& store, Executor& executor, const NodeHealth& health,
                    bool open_metrics) {
  routes.Add("GET", "/livez", Access::kOpen, Limit::kNone, Livez);
  routes.Add(
      "GET", "/readyz", Access::kOpen, Limit::kNone,
      [&store, &health](RequestContext&) -> Task<Response> { co_return Readyz(store, health); });
  const Access access = open_metrics ? Access::kOpen : Access::kUser;
  routes.Add("GET", "/metrics", access, Limit::kNone,
             [&health, open_metrics](RequestContext& context) -> Task<Response> {
               if (!open_metrics && !context.caller.service) return Refuse();
               return Metrics(health);
             });
  routes.Add("GET", "/status", access, Limit::kNone,
             [&executor, &health, open_metrics](RequestContext& context) -> Task<Response> {
               if (!open_metrics && !context.caller.service) return Refuse();
               return Status(executor, health);
             });
}

}  // namespace parley

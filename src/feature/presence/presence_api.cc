#include "feature/presence/presence_api.h"

#include <algorithm>
#include <memory>

#include "base/ask.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr size_t kMostAsked = 500;

class PresenceApi {
 public:
  PresenceApi(Services& services, const OnlineUsers& online)
      : services_(services), online_(online) {}

  Task<Response> Post(RequestContext& context) {
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    std::vector<UserId> asked = ParseUsers(fields);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    auto reading = Ask(services_.executor, services_.store, &ActivityStore::ListSeen,
                       context.caller.user, context.caller.service, std::move(asked));
    const Result<std::vector<Seen>> seen = co_await reading;
    if (!seen) co_return Response::Problem(seen.error());
    co_return Response::Json(200, Table(*seen));
  }

 private:
  static std::vector<UserId> ParseUsers(FieldReader& fields) {
    if (!fields.Has("user_ids")) fields.Wrong("user_ids", "This field is required.");
    std::vector<UserId> users =
        fields.Users("user_ids", kMostAsked).value_or(std::vector<UserId>());
    std::ranges::sort(users);
    users.erase(std::ranges::unique(users).begin(), users.end());
    return users;
  }

  // An online user was last seen now.
  std::string Table(const std::vector<Seen>& seen) const {
    std::string out;
    JsonWriter json(out);
    json.BeginObject();
    for (const Seen& one : seen) {
      const bool online = online_.Has(one.user);
      json.Key(one.user);
      json.BeginObject();
      json.Field("online", online);
      json.Field("last_seen", online ? std::optional(services_.clock.Now()) : one.last_seen);
      json.EndObject();
    }
    json.EndObject();
    return out;
  }

  Services& services_;
  const OnlineUsers& online_;
};

}  // namespace

void RegisterPresence(Registry& registry, Services& services, const OnlineUsers& online) {
  auto api = std::make_shared<PresenceApi>(services, online);
  registry.routes.Add("POST", "/api/messaging/presence", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->Post(context); });
}

}  // namespace parley

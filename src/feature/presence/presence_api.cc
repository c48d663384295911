#include "feature/presence/presence_api.h"

#include <memory>
#include <unordered_set>

#include "base/task.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

using Body = simdjson::dom::object;

constexpr size_t kMostAsked = 500;

class PresenceApi {
 public:
  PresenceApi(Services& services, const OnlineUsers& online)
      : services_(services), online_(online) {}

  Task<Response> Post(RequestContext& context) {
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    std::vector<UserId> asked = ParseUsers(fields, *body);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    Services& services = services_;
    using Answer = Result<std::vector<Seen>>;
    auto reading = Suspend<Answer>([&](Resolve<Answer> done) {
      services.store.ListSeen(context.caller.user, context.caller.service, std::move(asked),
                              services.executor, std::move(done));
    });
    const Answer seen = co_await reading;
    if (!seen) co_return Response::Problem(seen.error());
    co_return Response::Json(200, Table(*seen));
  }

 private:
  static std::vector<UserId> ParseUsers(FieldReader& fields, Body body) {
    std::vector<UserId> users;
    simdjson::dom::array list;
    if (body.at_key("user_ids").get(list) != simdjson::SUCCESS) {
      fields.Wrong("user_ids", "Must be a list of user ids.");
      return users;
    }
    std::unordered_set<UserId> distinct;
    for (const simdjson::dom::element element : list) {
      const auto user = UserIdFrom(element);
      if (!user) {
        fields.Wrong("user_ids", "Must be a list of user ids: 1 to 64 of A-Z a-z 0-9 _ . : @ -");
        break;
      }
      if (distinct.insert(*user).second) users.push_back(*user);
    }
    if (list.size() > kMostAsked) {
      fields.Wrong("user_ids", "Must be at most " + std::to_string(kMostAsked) + ".");
    }
    return users;
  }

  // Who is online was seen just now.
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

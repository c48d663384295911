#include "feature/revocations/revocations_api.h"

#include <memory>

#include "base/ask.h"
#include "feature/revocations/revocation_poller.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr size_t kJtiCharacters = 255;

class RevocationsApi {
 public:
  RevocationsApi(Services& services, Revocations& revocations, Duration kept)
      : services_(services), revocations_(revocations), kept_(kept) {}

  Task<Response> Post(RequestContext& context) {
    if (!context.caller.service) {
      co_return Response::Problem(
          {.code = ErrorCode::forbidden, .detail = "Only a service can revoke tokens."});
    }
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    Revocation wanted = Parse(fields, *body);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    const Timestamp forget{services_.clock.Now().micros - kept_.count()};
    auto revoking = Ask(services_.executor, services_.store, &RevocationStore::Revoke,
                        std::move(wanted), forget);
    const Result<Revocation> made = co_await revoking;
    if (!made) co_return Response::Problem(made.error());
    revocations_.Add(*made);
    co_return Response::Json(201, Json(*made));
  }

 private:
  Revocation Parse(FieldReader& fields, Body body) const {
    Revocation wanted{.jti = fields.ShortText("jti", kJtiCharacters),
                      .user = fields.User("user_id"),
                      .issued_before = services_.clock.Now()};
    if (wanted.jti.has_value() == wanted.user.has_value() || (wanted.jti && wanted.jti->empty())) {
      if (!fields.error()) fields.Wrong("jti", "Exactly one of jti and user_id is required.");
    }
    if (wanted.jti && fields.Has("issued_before")) {
      fields.Wrong("issued_before", "Can only be combined with user_id.");
    }
    const Timestamp now = wanted.issued_before;
    double seconds = 0;
    if (body.at_key("issued_before").get(seconds) == simdjson::SUCCESS) {
      if (!(seconds >= 0 && seconds < 9e12)) fields.Wrong("issued_before", "Must be a valid time.");
      wanted.issued_before = {static_cast<int64_t>(seconds * 1e6)};
    } else if (const auto text = fields.Text("issued_before")) {
      const auto time = ParseTimestamp(*text);
      if (!time)
        fields.Wrong("issued_before",
                     "Must be an RFC 3339 time or a number of seconds since 1970.");
      wanted.issued_before = time.value_or(Timestamp{});
    }
    if (wanted.issued_before > now) fields.Wrong("issued_before", "Must not be in the future.");
    return wanted;
  }

  static std::string Json(const Revocation& made) {
    std::string out;
    JsonWriter json(out);
    json.BeginObject();
    json.Field("jti", made.jti);
    json.Field("user_id", made.user);
    json.Field("issued_before", made.user ? std::optional(made.issued_before) : std::nullopt);
    json.EndObject();
    return out;
  }

  Services& services_;
  Revocations& revocations_;
  const Duration kept_;
};

class RevocationsFeature final : public Feature {
 public:
  RevocationsFeature(NodeServices node, Revocations& revocations, RevocationOptions options)
      : revocations_(revocations),
        kept_(options.kept),
        poller_(node.store, revocations, node.executor, node.clock,
                {.kept = options.kept, .shared_store = options.shared_store}) {}

  void Register(Registry& registry, Services& services) override {
    auto api = std::make_shared<RevocationsApi>(services, revocations_, kept_);
    registry.routes.Add("POST", "/api/messaging/revocations", Access::kUser, Limit::kNone,
                        [api](RequestContext& context) { return api->Post(context); });
  }
  void OnTick(Monotonic now) override { poller_.OnTick(now); }
  void AddMetrics(MetricFamilies& out) const override {
    out.AddGauge("revocations", "Revoked tokens and users held in memory.",
                 static_cast<double>(revocations_.size()));
  }

 private:
  Revocations& revocations_;
  const Duration kept_;
  RevocationPoller poller_;
};

}  // namespace

std::unique_ptr<Feature> MakeRevocations(NodeServices node, Revocations& revocations,
                                         RevocationOptions options) {
  return std::make_unique<RevocationsFeature>(node, revocations, options);
}

}  // namespace parley

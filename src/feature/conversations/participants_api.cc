// The participants of a conversation and their roles.
#include <charconv>
#include <memory>

#include "feature/conversations/conversation_json.h"
#include "feature/conversations/conversations_api.h"
#include "feature/conversations/conversations_service.h"
#include "http/body.h"
#include "http/percent.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr int64_t kMostParticipantsListed = 1000;

// "<microseconds>.<user id>" of the last member on the previous page.
Result<std::optional<MemberCursor>> ParseMemberCursor(const Request& request) {
  const auto text = request.Query("cursor");
  if (!text || text->empty()) return std::optional<MemberCursor>();
  MemberCursor cursor;
  const char* end = text->data() + text->size();
  const auto [dot, error] = std::from_chars(text->data(), end, cursor.joined_at.micros);
  const auto user = error == std::errc() && dot != end && *dot == '.' ? ParseUserId({dot + 1, end})
                                                                      : std::nullopt;
  if (!user) return Fail(Error::Field("cursor", "Must be a cursor returned by this route."));
  cursor.user = *user;
  return std::optional<MemberCursor>(std::move(cursor));
}

class ParticipantsApi {
 public:
  explicit ParticipantsApi(Services& services) : services_(services), conversations_(services) {}

  Task<Response> List(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    const auto limit =
        NumberQuery(context.request, "limit", 1, kMostParticipantsListed, kMostParticipantsListed);
    if (!limit) co_return Response::Problem(limit.error());
    const auto after = ParseMemberCursor(context.request);
    if (!after) co_return Response::Problem(after.error());
    auto reading = conversations_.Members(*id, context.caller, static_cast<int>(*limit), *after);
    const Result<PageOfMembers> page = co_await reading;
    if (!page) co_return Response::Problem(page.error());

    std::string json;
    AppendMembers(json, page->members);
    Response response = Response::Json(200, std::move(json));
    if (page->has_more) {
      const Member& last = page->members.back();
      response.headers.emplace_back("Link", "<" + context.request.api_prefix() + "/conversations/" +
                                                id->ToString() +
                                                "/participants/?limit=" + std::to_string(*limit) +
                                                "&cursor=" + std::to_string(last.joined_at.micros) +
                                                "." + PercentEncode(last.user) + ">; rel=\"next\"");
    }
    co_return response;
  }

  Task<Response> Add(RequestContext& context) {
    return Change(context, JsonOrFormBody, [this](FieldReader& fields) -> ChangeVerb {
      return AddParticipant{.user = RequiredUser(fields, "user_id"),
                            .at_most = static_cast<int64_t>(services_.limits.participants)};
    });
  }

  Task<Response> Remove(RequestContext& context) {
    return Change(context, JsonOrFormBody, [](FieldReader& fields) -> ChangeVerb {
      return RemoveParticipant{.user = RequiredUser(fields, "user_id")};
    });
  }

  Task<Response> SetRoleOf(RequestContext& context) {
    return Change(context, JsonBody, [](FieldReader& fields) -> ChangeVerb {
      SetRole set{.user = RequiredUser(fields, "user_id")};
      const auto name = fields.RequiredText("role");
      const auto role = name ? ParseRole(*name) : std::nullopt;
      if (name && !role) fields.Wrong("role", "Must be owner, admin or member.");
      set.role = role.value_or(Role::kMember);
      return set;
    });
  }

 private:
  using ReadBody = Result<Body> (*)(const Request&, JsonReader&);

  template <class Parse>
  Task<Response> Change(RequestContext& context, ReadBody read, Parse parse) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    const Result<Body> body = read(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    ChangeVerb verb = parse(fields);
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    auto changing = conversations_.Change(*id, context.caller, std::move(verb));
    const Result<ConversationView> view = co_await changing;
    if (!view) co_return Response::Problem(view.error());
    co_return Response::Json(200,
                             ViewJson(services_, context.caller, *view, MemberList::kWithMembers));
  }

  Services& services_;
  ConversationsService conversations_;
};

}  // namespace

void RegisterParticipants(Registry& registry, Services& services) {
  auto api = std::make_shared<ParticipantsApi>(services);
  const std::string path = "/api/messaging/conversations/{id}";
  registry.routes.Add("GET", path + "/participants", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->List(context); });
  registry.routes.Add("POST", path + "/add_participant", Access::kUser, Limit::kMembers,
                      [api](RequestContext& context) { return api->Add(context); });
  registry.routes.Add("POST", path + "/remove_participant", Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->Remove(context); });
  registry.routes.Add("POST", path + "/set_role", Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->SetRoleOf(context); });
}

}  // namespace parley

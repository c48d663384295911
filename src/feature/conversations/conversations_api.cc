#include "feature/conversations/conversations_api.h"

#include <charconv>
#include <memory>

#include "feature/conversations/conversation_json.h"
#include "feature/conversations/conversations_service.h"
#include "http/body.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr int64_t kMostListed = 1000;

CreateConversation ParseCreate(FieldReader& fields, const Limits& limits) {
  CreateConversation wanted;
  if (fields.IsNull("type")) {
    fields.Wrong("type", "Must be direct or group.");
  } else if (const auto type = fields.Text("type")) {
    const auto known = ParseConversationType(*type);
    if (!known || *known == ConversationType::kTask) {
      fields.Wrong("type", "Must be direct or group.");
    } else {
      wanted.type = *known;
    }
  }
  wanted.title = ParseTitle(fields, limits);
  wanted.metadata = fields.Metadata("metadata", limits.metadata_bytes);

  if (!fields.Has("participants")) fields.Wrong("participants", "This field is required.");
  wanted.participants =
      fields.Users("participants", limits.participants).value_or(std::vector<UserId>());
  return wanted;
}

// "<microseconds>.<uuid>"
std::string TextOf(const ConversationCursor& cursor) {
  return std::to_string(cursor.activity.micros) + "." + cursor.id.ToString();
}

Result<std::optional<ConversationCursor>> ParseCursor(const Request& request) {
  const auto text = request.Query("cursor");
  if (!text || text->empty()) return std::optional<ConversationCursor>();
  ConversationCursor cursor;
  const auto [dot, error] =
      std::from_chars(text->data(), text->data() + text->size(), cursor.activity.micros);
  const auto id = error == std::errc() && dot != text->data() + text->size() && *dot == '.'
                      ? Uuid::Parse(text->substr(static_cast<size_t>(dot + 1 - text->data())))
                      : std::nullopt;
  if (!id) return Fail(Error::Field("cursor", "Must be a cursor returned by this route."));
  cursor.id = *id;
  return std::optional<ConversationCursor>(cursor);
}

class ConversationsApi {
 public:
  explicit ConversationsApi(Services& services) : services_(services), conversations_(services) {}

  Task<Response> Post(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    CreateConversation wanted = ParseCreate(fields, services_.limits);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    auto creating = conversations_.Create(std::move(wanted), context.caller);
    const Result<CreatedConversation> created = co_await creating;
    if (!created) co_return Response::Problem(created.error());
    // Reads the conversation for the caller: an existing one has a history and unread messages.
    auto reading = conversations_.Get(created->conversation.id, context.caller);
    const Result<ConversationView> view = co_await reading;
    if (!view) co_return Response::Problem(view.error());
    co_return Response::Json(201,
                             ViewJson(services_, context.caller, *view, MemberList::kWithMembers));
  }

  Task<Response> Get(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    auto reading = conversations_.Get(*id, context.caller);
    const Result<ConversationView> view = co_await reading;
    if (!view) co_return Response::Problem(view.error());
    co_return Response::Json(200,
                             ViewJson(services_, context.caller, *view, MemberList::kWithMembers));
  }

  Task<Response> List(RequestContext& context) {
    const auto limit = NumberQuery(context.request, "limit", 1, kMostListed, kMostListed);
    if (!limit) co_return Response::Problem(limit.error());
    const auto after = ParseCursor(context.request);
    if (!after) co_return Response::Problem(after.error());
    auto reading = conversations_.List(context.caller, static_cast<int>(*limit), *after);
    const Result<PageOfConversations> page = co_await reading;
    if (!page) co_return Response::Problem(page.error());

    std::string json = "[";
    for (const ConversationView& view : page->conversations) {
      if (json.size() > 1) json += ',';
      json += ViewJson(services_, context.caller, view, MemberList::kIdsOnly);
    }
    json += ']';
    Response response = Response::Json(200, std::move(json));
    if (page->has_more) {
      response.headers.emplace_back(
          "Link", "<" + context.request.api_prefix() + "/conversations/?limit=" +
                      std::to_string(*limit) + "&cursor=" + TextOf(page->last) + ">; rel=\"next\"");
    }
    co_return response;
  }

 private:
  Services& services_;
  ConversationsService conversations_;
};

}  // namespace

void RegisterConversations(Registry& registry, Services& services, bool tasks_by_services) {
  auto api = std::make_shared<ConversationsApi>(services);
  const std::string path = "/api/messaging/conversations";
  registry.routes.Add("GET", path, Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->List(context); });
  registry.routes.Add("POST", path, Access::kUser, Limit::kCreate,
                      [api](RequestContext& context) { return api->Post(context); });
  registry.routes.Add("GET", path + "/{id}", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->Get(context); });
  RegisterParticipants(registry, services);
  RegisterConversationChanges(registry, services);
  RegisterDirectAndTask(registry, services, tasks_by_services);
  RegisterReplay(registry, services);
}

}  // namespace parley

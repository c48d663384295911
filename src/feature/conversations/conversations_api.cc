#include "feature/conversations/conversations_api.h"

#include <charconv>
#include <memory>

#include "feature/conversations/conversation_json.h"
#include "feature/conversations/conversations_service.h"
#include "feature/messages/messages_service.h"
#include "http/body.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr int64_t kMostConversationsListed = 1000;

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

Result<std::optional<ConversationCursor>> ParseConversationCursor(const Request& request) {
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
  ConversationsApi(Services& services, InboxCacheCounters& counters)
      : services_(services), conversations_(services), lists_(services, counters) {}

  Task<Response> Post(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    CreateConversation wanted = ParseCreate(fields, services_.limits);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    auto creating = conversations_.Create(std::move(wanted), context.caller);
    const Result<CreatedConversation> created = co_await creating;
    if (!created)
      co_return RateLimitProblem(created.error(), services_.rate_limiter, Limit::kMembers,
                                 context.caller.user);
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
    const auto limit = NumberQuery(context.request, "limit", 1, kMostConversationsListed,
                                   kMostConversationsListed);
    if (!limit) co_return Response::Problem(limit.error());
    const auto after = ParseConversationCursor(context.request);
    if (!after) co_return Response::Problem(after.error());
    // A cache of lists in Redis, which other programs may read, takes precedence.
    const bool kept = !*after && services_.list_cache == nullptr;
    std::optional<InboxCache::Stamp> stamp;
    if (kept) {
      if (const InboxCache::Answer* known = lists_.Find(context.caller.user, *limit)) {
        MarkDelivered(services_, context.caller, known->undelivered);
        co_return ListResponse(context, *limit, known->json, known->next);
      }
      auto taking = lists_.Take(context.caller.user);
      stamp = co_await taking;
    }
    auto reading = conversations_.List(context.caller, static_cast<int>(*limit), *after);
    const Result<PageOfConversations> page = co_await reading;
    if (!page) co_return Response::Problem(page.error());

    std::string json = "[";
    for (const ConversationView& view : page->conversations) {
      if (json.size() > 1) json += ',';
      json += ViewJson(services_, context.caller, view, MemberList::kIdsOnly);
    }
    json += ']';
    InboxCache::Answer answer{.json = SharedBytes(json)};
    if (page->has_more) answer.next = TextOf(page->last);
    Response response = ListResponse(context, *limit, answer.json, answer.next);
    if (stamp && IsSameForAll(*page, answer)) {
      lists_.Add(context.caller.user, *limit, std::move(*stamp), std::move(answer));
    }
    co_return response;
  }

 private:
  static Response ListResponse(const RequestContext& context, int64_t limit,
                               const SharedBytes& json, const std::string& next) {
    Response response{.shared = json};
    if (!next.empty()) {
      response.headers.emplace_back("Link", "<" + context.request.api_prefix() +
                                                "/conversations/?limit=" + std::to_string(limit) +
                                                "&cursor=" + next + ">; rel=\"next\"");
    }
    return response;
  }

  // Adds the undelivered messages to the answer. Returns false if it has links that are signed for a time.
  static bool IsSameForAll(const PageOfConversations& page, InboxCache::Answer& answer) {
    for (const ConversationView& view : page.conversations) {
      if (!view.last_message) continue;
      const Message& last = *view.last_message;
      if (!last.attachments.empty()) return false;
      if (last.delivered_at || !last.sender_id) continue;
      answer.undelivered.push_back(
          {.conversation_id = last.conversation_id, .seq = last.seq, .sender_id = last.sender_id});
    }
    return true;
  }

  Services& services_;
  ConversationsService conversations_;
  InboxCache lists_;
};

}  // namespace

void RegisterConversations(Registry& registry, Services& services, bool tasks_by_services,
                           InboxCacheCounters& counters) {
  auto api = std::make_shared<ConversationsApi>(services, counters);
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

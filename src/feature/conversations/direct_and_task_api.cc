// Conversations that exist at most once: between two users, and per task.
#include <memory>

#include "feature/conversations/conversation_json.h"
#include "feature/conversations/conversations_api.h"
#include "feature/conversations/conversations_service.h"
#include "feature/messages/message_fields.h"
#include "feature/messages/messages_service.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr std::string_view kTitleBegins = "Task: ";
constexpr size_t kTaskIdCharacters = 255;
constexpr size_t kStatusCharacters = 255;

// A string, or a number as sent by the backends of the guide.
std::string TaskIdFrom(FieldReader& fields) {
  const auto text = fields.ShortText("task_id", kTaskIdCharacters);
  if (!fields.Has("task_id") || (text && text->empty())) {
    fields.Wrong("task_id", "This field is required.");
  }
  return text.value_or("");
}

class DirectAndTaskApi {
 public:
  DirectAndTaskApi(Services& services, bool tasks_by_services)
      : services_(services),
        tasks_by_services_(tasks_by_services),
        conversations_(services),
        messages_(services) {}

  Task<Response> Direct(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    CreateConversation wanted{.participants = {RequiredUser(fields, "user_id")}};
    if (!fields.error() && wanted.participants.front() == context.caller.user) {
      fields.Wrong("user_id", "A direct conversation must be with another user.");
    }
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    auto opening = Open(context, std::move(wanted), 200);
    co_return co_await opening;
  }

  Task<Response> OfTask(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    CreateConversation wanted = ParseTask(fields);
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    const Caller& caller = context.caller;
    if (!caller.service && tasks_by_services_) {
      co_return Response::Problem(
          {.code = ErrorCode::forbidden,
           .detail = "Only a service can create the conversation of a task."});
    }
    if (!caller.service && caller.user != wanted.participants[0] &&
        caller.user != wanted.participants[1]) {
      co_return Response::Problem({.code = ErrorCode::forbidden,
                                   .detail = "Only the requester, the performer or a service can "
                                             "create the conversation of a task."});
    }
    auto opening = Open(context, std::move(wanted), 201);
    co_return co_await opening;
  }

  Task<Response> Status(RequestContext& context) {
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    const auto status = fields.ShortText("status", kStatusCharacters);
    if (!status || status->empty()) {
      if (!fields.error()) fields.Wrong("status", "This field is required.");
    }
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    std::string task_id(context.request.Param("task_id"));
    auto finding = conversations_.FindTask(std::move(task_id), context.caller);
    const Result<Uuid> found = co_await finding;
    if (!found) co_return Response::Problem(found.error());

    SendMessage send{.conversation = *found,
                     .content = "Task status changed to: " + *status,
                     .content_type = "system",
                     .from_parley = true};
    auto sending = messages_.Send(std::move(send), context.caller);
    const Result<StoredMessage> stored = co_await sending;
    if (!stored) co_return Response::Problem(stored.error());
    co_return Response::Json(201, MessageJson(services_, context.caller, stored->message));
  }

 private:
  CreateConversation ParseTask(FieldReader& fields) {
    CreateConversation wanted{.type = ConversationType::kTask};
    wanted.task_id = TaskIdFrom(fields);
    wanted.participants = {RequiredUser(fields, "requester_id"),
                           RequiredUser(fields, "performer_id")};
    if (!fields.error() && wanted.participants[0] == wanted.participants[1]) {
      fields.Wrong("performer_id", "Must differ from requester_id.");
    }
    const auto title =
        fields.ShortText("task_title", services_.limits.title_characters - kTitleBegins.size());
    wanted.title = title && !title->empty() ? std::string(kTitleBegins) + *title
                                            : std::string("Task Discussion");
    JsonWriter json(wanted.metadata);
    wanted.metadata.clear();
    json.BeginObject();
    json.Key("task_id");
    if (const auto number = fields.NumberText("task_id")) {
      json.Raw(*number);
    } else {
      json.String(*wanted.task_id);
    }
    json.Field("requester_id", std::string_view(wanted.participants[0]));
    json.Field("performer_id", std::string_view(wanted.participants[1]));
    json.EndObject();
    return wanted;
  }

  Task<Response> Open(RequestContext& context, CreateConversation wanted, int status) {
    auto creating = conversations_.Create(std::move(wanted), context.caller);
    const Result<CreatedConversation> created = co_await creating;
    if (!created)
      co_return RateLimitProblem(created.error(), services_.rate_limiter, Limit::kMembers,
                                 context.caller.user);
    auto reading = conversations_.Get(created->conversation.id, context.caller);
    const Result<ConversationView> view = co_await reading;
    if (!view && view.error().code == ErrorCode::not_found) {
      co_return Response::Problem(
          {.code = ErrorCode::forbidden,
           .detail = "You are not a participant of this task's conversation."});
    }
    if (!view) co_return Response::Problem(view.error());
    co_return Response::Json(status,
                             ViewJson(services_, context.caller, *view, MemberList::kWithMembers));
  }

  Services& services_;
  const bool tasks_by_services_;
  ConversationsService conversations_;
  MessagesService messages_;
};

}  // namespace

void RegisterDirectAndTask(Registry& registry, Services& services, bool tasks_by_services) {
  auto api = std::make_shared<DirectAndTaskApi>(services, tasks_by_services);
  const std::string path = "/api/messaging/conversations";
  registry.routes.Add("POST", path + "/direct", Access::kUser, Limit::kCreate,
                      [api](RequestContext& context) { return api->Direct(context); });
  registry.routes.Add("POST", path + "/task", Access::kUser, Limit::kCreate,
                      [api](RequestContext& context) { return api->OfTask(context); });
  registry.routes.Add("POST", path + "/task/{task_id}/status", Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->Status(context); });
}

}  // namespace parley

// Changes the title and metadata of a conversation, and deletes it.
#include <memory>

#include "feature/conversations/conversation_json.h"
#include "feature/conversations/conversations_api.h"
#include "feature/conversations/conversations_service.h"
#include "http/body.h"

namespace parley {
namespace {

using Body = JsonObject;

class ConversationChangesApi {
 public:
  explicit ConversationChangesApi(Services& services)
      : services_(services), conversations_(services) {}

  Task<Response> Patch(RequestContext& context) {
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    // A title of null removes the title.
    UpdateDetails update{.set_title = fields.Has("title") || fields.IsNull("title"),
                         .title = ParseTitle(fields, services_.limits)};
    if (fields.Has("metadata")) {
      update.metadata = fields.Metadata("metadata", services_.limits.metadata_bytes);
    }
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    if (!update.set_title && !update.metadata) {
      co_return Response::Problem({.code = ErrorCode::bad_request,
                                   .detail = "The request must contain title or metadata."});
    }
    auto changing = Update(context, std::move(update));
    co_return co_await changing;
  }

  Task<Response> UpdateTitle(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    UpdateDetails update{.set_title = true, .title = ParseTitle(fields, services_.limits)};
    if (!fields.Has("title") && !fields.IsNull("title"))
      fields.Wrong("title", "This field is required.");
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    auto changing = Update(context, std::move(update));
    co_return co_await changing;
  }

  Task<Response> Delete(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    auto deleting = conversations_.Delete(*id, context.caller);
    const Result<void> deleted = co_await deleting;
    if (!deleted) co_return Response::Problem(deleted.error());
    co_return Response::NoContent();
  }

 private:
  Task<Response> Update(RequestContext& context, UpdateDetails update) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    auto changing = conversations_.Change(*id, context.caller, std::move(update));
    const Result<ConversationView> view = co_await changing;
    if (!view) co_return Response::Problem(view.error());
    co_return Response::Json(200,
                             ViewJson(services_, context.caller, *view, MemberList::kWithMembers));
  }

  Services& services_;
  ConversationsService conversations_;
};

}  // namespace

void RegisterConversationChanges(Registry& registry, Services& services) {
  auto api = std::make_shared<ConversationChangesApi>(services);
  const std::string path = "/api/messaging/conversations/{id}";
  registry.routes.Add("PATCH", path, Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->Patch(context); });
  registry.routes.Add("DELETE", path, Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->Delete(context); });
  registry.routes.Add("POST", path + "/update_title", Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->UpdateTitle(context); });
}

}  // namespace parley

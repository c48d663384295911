// Edits and deletes messages. REST finds the conversation by the message id; a socket command names
// it.
#include <memory>

#include "feature/changes.h"
#include "feature/messages/message_fields.h"
#include "feature/messages/messages_api.h"
#include "feature/messages/messages_service.h"
#include "http/body.h"
#include "session/session.h"

namespace parley {
namespace {

using Body = JsonObject;

class MessageChangesApi {
 public:
  explicit MessageChangesApi(Services& services) : services_(services), messages_(services) {}

  Task<Response> Patch(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    EditMessage edit = ParseEdit(fields, *id);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    auto changing = Change(*id, context.caller, std::move(edit));
    const Result<AppliedChange> applied = co_await changing;
    if (!applied) co_return Response::Problem(applied.error());
    co_return Response::Json(200, MessageJson(services_, context.caller, applied->change.message));
  }

  Task<Response> Delete(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    auto changing = Change(*id, context.caller, DeleteMessage{*id});
    const Result<AppliedChange> applied = co_await changing;
    if (!applied) co_return Response::Problem(applied.error());
    co_return Response::NoContent();
  }

  Task<Result<std::string>> OnEdit(Command command) {
    FieldReader fields(command.body);
    const auto id = fields.RequiredId("message_id");
    EditMessage edit = ParseEdit(fields, id.value_or(Uuid()));
    return Run(std::move(command), fields.error(), std::move(edit));
  }

  Task<Result<std::string>> OnDelete(Command command) {
    FieldReader fields(command.body);
    const auto id = fields.RequiredId("message_id");
    return Run(std::move(command), fields.error(), DeleteMessage{id.value_or(Uuid())});
  }

 private:
  EditMessage ParseEdit(FieldReader& fields, const Uuid& message) {
    EditMessage edit{.message = message, .content = ParseContent(fields, services_.limits)};
    if (fields.Has("metadata")) {
      edit.metadata = fields.Metadata("metadata", services_.limits.metadata_bytes);
    }
    return edit;
  }

  Task<Result<AppliedChange>> Change(Uuid message, Caller caller, ChangeVerb verb) {
    auto finding = messages_.Get(message, caller);
    const Result<Message> found = co_await finding;
    if (!found) co_return Fail(found.error());
    auto applying =
        ApplyChange(services_, found->conversation_id, std::move(caller), std::move(verb));
    co_return co_await applying;
  }

  Task<Result<std::string>> Run(Command command, std::optional<Error> wrong, ChangeVerb verb) {
    if (wrong) co_return Fail(std::move(*wrong));
    auto applying =
        ApplyChange(services_, command.conversation, std::move(command.caller), std::move(verb));
    const Result<AppliedChange> applied = co_await applying;
    if (!applied) co_return Fail(applied.error());
    if (!command.ref) co_return std::string();
    co_return ChangeAckFrame(command.ref, applied->change);
  }

  Services& services_;
  MessagesService messages_;
};

}  // namespace

void RegisterMessageChanges(Registry& registry, Services& services) {
  auto api = std::make_shared<MessageChangesApi>(services);
  const std::string path = "/api/messaging/messages/{id}";
  registry.routes.Add("PATCH", path, Access::kUser, Limit::kSend,
                      [api](RequestContext& context) { return api->Patch(context); });
  for (const char* end : {"", "/delete"}) {
    registry.routes.Add("DELETE", path + end, Access::kUser, Limit::kSend,
                        [api](RequestContext& context) { return api->Delete(context); });
  }
  registry.commands.Add({.type = "edit", .limit = Limit::kSend, .handler = [api](Command command) {
                           return api->OnEdit(std::move(command));
                         }});
  registry.commands.Add(
      {.type = "delete", .limit = Limit::kSend, .handler = [api](Command command) {
         return api->OnDelete(std::move(command));
       }});
}

}  // namespace parley

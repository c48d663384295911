#include "feature/typing/typing_api.h"

#include "session/session.h"

namespace parley {
namespace {

Task<Result<std::string>> OnTyping(Command command) {
  FieldReader fields(command.body);
  const bool is_typing = fields.Bool("is_typing").value_or(false);
  if (auto error = fields.error()) co_return Fail(std::move(*error));
  const Result<void> set = command.session->SetTyping(command.conversation, is_typing);
  if (!set) co_return Fail(set.error());
  co_return std::string();
}

}  // namespace

void RegisterTyping(Registry& registry) {
  registry.commands.Add({.type = "typing",
                         .order = Order::kPipelined,
                         .limit = Limit::kCommand,
                         .handler = OnTyping});
}

}  // namespace parley

#include "feature/changes.h"

#include "feature/conversations/list_cache.h"

namespace parley {

Task<Result<AppliedChange>> ApplyChange(Services& services, Uuid conversation, Caller caller,
                                        ChangeVerb verb) {
  ChangeRequest request{.conversation = conversation,
                        .actor = std::move(caller.user),
                        .as_service = caller.service,
                        .as_guide = services.as_guide,
                        .verb = std::move(verb)};
  using Answer = Result<AppliedChange>;
  auto applying = Suspend<Answer>(
      [&](Resolve<Answer> done) { services.hub.Apply(std::move(request), std::move(done)); });
  Answer applied = co_await applying;
  if (applied && applied->added) {
    services.hub.Announce({*applied->added}, *applied->change.conversation);
  }
  const bool deleted = applied && applied->change.kind == ChangeKind::kMessageDeleted;
  if (deleted && services.list_cache != nullptr) services.list_cache->Evict(conversation);
  co_return applied;
}

}  // namespace parley

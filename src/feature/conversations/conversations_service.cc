#include "feature/conversations/conversations_service.h"

#include <unordered_set>

namespace parley {

Task<Result<CreatedConversation>> ConversationsService::Create(CreateConversation wanted,
                                                               Caller caller) {
  NewConversation conversation{.id = services_.ids.Next(),
                               .type = wanted.type,
                               .title = std::move(wanted.title),
                               .metadata = std::move(wanted.metadata),
                               .creator = caller.user,
                               .participants = {caller.user}};
  std::unordered_set<UserId> seen{caller.user};
  for (UserId& user : wanted.participants) {
    if (seen.insert(user).second) conversation.participants.push_back(std::move(user));
  }
  if (conversation.type == ConversationType::kDirect && conversation.participants.size() != 2) {
    co_return Fail(
        Error::Field("participants", "A direct conversation has exactly one other person."));
  }
  if (conversation.participants.size() > services_.limits.participants) {
    co_return Fail(Error::Field(
        "participants", "Must be at most " + std::to_string(services_.limits.participants) + "."));
  }
  std::vector<UserId> everybody = conversation.participants;

  Services& services = services_;
  using Answer = Result<CreatedConversation>;
  auto creating = Suspend<Answer>([&](Resolve<Answer> done) {
    services.store.CreateConversation(std::move(conversation), services.executor, std::move(done));
  });
  Answer created = co_await creating;
  if (created && created->created) {
    services_.hub.Announce(std::move(everybody), ConversationCreatedEvent(created->conversation));
  }
  co_return created;
}

Task<Result<ConversationView>> ConversationsService::Get(Uuid conversation, Caller caller) {
  Services& services = services_;
  using Answer = Result<ConversationView>;
  auto reading = Suspend<Answer>([&](Resolve<Answer> done) {
    services.store.ReadConversation(conversation, caller.user, caller.service, services.executor,
                                    std::move(done));
  });
  co_return co_await reading;
}

Task<Result<PageOfConversations>> ConversationsService::List(
    Caller caller, int limit, std::optional<ConversationCursor> after) {
  Services& services = services_;
  using Answer = Result<PageOfConversations>;
  auto reading = Suspend<Answer>([&](Resolve<Answer> done) {
    services.store.ListConversations(caller.user, limit, after, services.executor, std::move(done));
  });
  co_return co_await reading;
}

}  // namespace parley

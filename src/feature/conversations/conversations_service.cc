#include "feature/conversations/conversations_service.h"

#include "base/ask.h"
#include "feature/changes.h"
#include "feature/conversations/list_cache.h"
#include "feature/messages/messages_service.h"

namespace parley {

Task<Result<CreatedConversation>> ConversationsService::Create(CreateConversation wanted,
                                                               Caller caller) {
  NewConversation conversation{.id = services_.ids.Next(),
                               .type = wanted.type,
                               .title = std::move(wanted.title),
                               .metadata = std::move(wanted.metadata),
                               .task_id = std::move(wanted.task_id),
                               .by_service = caller.service};
  if (conversation.task_id) {
    conversation.creator = wanted.participants.front();
  } else {
    conversation.creator = caller.user;
  }
  conversation.participants = {conversation.creator};
  KeyedSet seen{conversation.creator};
  for (UserId& user : wanted.participants) {
    if (seen.insert(user).second) conversation.participants.push_back(std::move(user));
  }
  if (conversation.type == ConversationType::kDirect && conversation.participants.size() != 2) {
    co_return Fail(Error::Field("participants",
                                "A direct conversation must have exactly one other participant."));
  }
  if (conversation.participants.size() > services_.limits.participants) {
    co_return Fail(Error::Field(
        "participants", "Must be at most " + std::to_string(services_.limits.participants) + "."));
  }
  if (!caller.service) {
    const auto wait = services_.rate_limiter.Take(
        Limit::kMembers, caller.user, static_cast<double>(conversation.participants.size()) - 1);
    if (wait) co_return Fail(RateLimited(*wait));
  }
  std::vector<UserId> everybody = conversation.participants;

  auto creating = Ask(services_.executor, services_.store, &ConversationStore::CreateConversation,
                      std::move(conversation));
  Result<CreatedConversation> created = co_await creating;
  if (created && created->created) {
    services_.hub.Announce(std::move(everybody), created->conversation);
  }
  co_return created;
}

Task<Result<ConversationView>> ConversationsService::Change(Uuid conversation, Caller caller,
                                                            ChangeVerb verb) {
  auto applying = ApplyChange(services_, conversation, caller, std::move(verb));
  const Result<AppliedChange> applied = co_await applying;
  if (!applied) co_return Fail(applied.error());
  if (applied->removed == caller.user && !caller.service) {
    co_return ConversationView{.conversation = *applied->change.conversation};
  }
  auto reading = Get(conversation, caller);
  co_return co_await reading;
}

Task<Result<void>> ConversationsService::Delete(Uuid conversation, Caller caller) {
  Hub& hub = services_.hub;
  auto deleting = Suspend<Result<void>>([&](Resolve<Result<void>> done) {
    hub.Delete(conversation, caller.user, caller.service, std::move(done));
  });
  Result<void> deleted = co_await deleting;
  if (deleted && services_.list_cache != nullptr) services_.list_cache->Evict(conversation);
  co_return deleted;
}

Task<Result<Uuid>> ConversationsService::FindTask(std::string task_id, Caller caller) {
  auto finding = Ask(services_.executor, services_.store, &ConversationStore::FindTask, task_id,
                     caller.user, caller.service);
  co_return co_await finding;
}

Task<Result<PageOfMembers>> ConversationsService::Members(Uuid conversation, Caller caller,
                                                          int limit,
                                                          std::optional<MemberCursor> after) {
  auto reading = Ask(services_.executor, services_.store, &ConversationStore::ListMembers,
                     conversation, caller.user, caller.service, limit, after);
  co_return co_await reading;
}

Task<Result<ConversationView>> ConversationsService::Get(Uuid conversation, Caller caller) {
  Services& services = services_;
  auto reading = Ask(services.executor, services.store, &HeadStore::ReadConversation, conversation,
                     caller.user, caller.service);
  Result<ConversationView> view = co_await reading;
  if (view && view->last_message) MarkDelivered(services, caller, {&*view->last_message, 1});
  co_return view;
}

Task<Result<PageOfConversations>> ConversationsService::List(
    Caller caller, int limit, std::optional<ConversationCursor> after) {
  Services& services = services_;
  auto listing = ReadList(caller, limit, after);
  Result<PageOfConversations> page = co_await listing;
  if (page) {
    for (const ConversationView& view : page->conversations) {
      if (view.last_message) MarkDelivered(services, caller, {&*view.last_message, 1});
    }
  }
  co_return page;
}

Task<Result<PageOfConversations>> ConversationsService::ReadList(
    Caller caller, int limit, std::optional<ConversationCursor> after) {
  if (services_.list_cache != nullptr) {
    auto reading = services_.list_cache->List(services_, caller.user, limit, after);
    co_return co_await reading;
  }
  auto reading = Ask(services_.executor, services_.store, &ConversationStore::ListConversations,
                     caller.user, limit, after);
  co_return co_await reading;
}

}  // namespace parley

// Conversations: create, list, read.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "feature/services.h"

namespace parley {

struct CreateConversation {
  ConversationType type = ConversationType::kDirect;
  std::optional<std::string> title;
  std::string metadata = "{}";
  std::vector<UserId> participants;  // as requested; the caller is added
  std::optional<std::string> task_id =
      {};  // for a task conversation; its first participant is the owner
};

class ConversationsService {
 public:
  explicit ConversationsService(Services& services) : services_(services) {}

  // Also notifies the participants on their user sockets. Errors: invalid_field (participants: not exactly
  // one other in a direct conversation, or too many), store_unavailable.
  Task<Result<CreatedConversation>> Create(CreateConversation wanted, Caller caller);
  // Applies a change and returns the conversation for the caller, without the caller's own fields if they
  // have left it. Errors: as ChangeStore::Apply.
  Task<Result<ConversationView>> Change(Uuid conversation, Caller caller, ChangeVerb verb);
  // Errors: as ChangeStore::DeleteConversation.
  Task<Result<void>> Delete(Uuid conversation, Caller caller);
  // Errors: not_found.
  Task<Result<Uuid>> FindTask(std::string task_id, Caller caller);
  Task<Result<PageOfMembers>> Members(Uuid conversation, Caller caller, int limit,
                                      std::optional<MemberCursor> after);
  // Errors: not_found.
  Task<Result<ConversationView>> Get(Uuid conversation, Caller caller);
  // Errors: cache_unavailable (if cache.ignore_exceptions is off).
  Task<Result<PageOfConversations>> List(Caller caller, int limit,
                                         std::optional<ConversationCursor> after);

 private:
  Task<Result<PageOfConversations>> ReadList(Caller caller, int limit,
                                             std::optional<ConversationCursor> after);

  Services& services_;
};

}  // namespace parley

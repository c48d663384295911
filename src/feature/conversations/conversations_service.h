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
  std::vector<UserId> participants;         // as asked for; the caller is added
  std::optional<std::string> task_id = {};  // of a task conversation: the first named owns it
};

class ConversationsService {
 public:
  explicit ConversationsService(Services& services) : services_(services) {}

  // Tells everybody in it, on their user sockets. Errors: invalid_field (participants: a direct
  // conversation needs exactly one other; too many), store_unavailable.
  Task<Result<CreatedConversation>> Create(CreateConversation wanted, Caller caller);
  // A change, and the conversation as the caller sees it then; without their own part where they
  // have just left it. Errors: as Store::Apply.
  Task<Result<ConversationView>> Change(Uuid conversation, Caller caller, ChangeVerb verb);
  // Errors: as Store::DeleteConversation.
  Task<Result<void>> Delete(Uuid conversation, Caller caller);
  // Errors: not_found.
  Task<Result<Uuid>> FindTask(std::string task_id, Caller caller);
  Task<Result<PageOfMembers>> Members(Uuid conversation, Caller caller, int limit,
                                      std::optional<MemberCursor> after);
  // Errors: not_found.
  Task<Result<ConversationView>> Get(Uuid conversation, Caller caller);
  Task<Result<PageOfConversations>> List(Caller caller, int limit,
                                         std::optional<ConversationCursor> after);

 private:
  Services& services_;
};

}  // namespace parley

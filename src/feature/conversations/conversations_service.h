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
  std::vector<UserId> participants;  // as asked for; the caller is added
};

class ConversationsService {
 public:
  explicit ConversationsService(Services& services) : services_(services) {}

  // Tells everybody in it, on their user sockets. Errors: invalid_field (participants: a direct
  // conversation needs exactly one other; too many), store_unavailable.
  Task<Result<CreatedConversation>> Create(CreateConversation wanted, Caller caller);
  // Errors: not_found.
  Task<Result<ConversationView>> Get(Uuid conversation, Caller caller);
  Task<Result<PageOfConversations>> List(Caller caller, int limit,
                                         std::optional<ConversationCursor> after);

 private:
  Services& services_;
};

}  // namespace parley

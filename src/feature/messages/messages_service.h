// Messages: send, history, get by id. REST and WebSocket call the same functions.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/task.h"
#include "feature/services.h"

namespace parley {

// A client's send. MessagesApi validates the individual fields; MessagesService applies the rules between
// them.
struct SendMessage {
  Uuid conversation;
  std::string content;  // trimmed; not empty unless there are attachments
  std::string content_type = "text";
  std::string metadata = "{}";
  std::optional<Uuid> reply_to;
  std::optional<std::string> client_id;
  std::vector<Uuid> attachments;  // distinct
  bool from_parley = false;       // a system message that the server writes for the caller
};

class MessagesService {
 public:
  explicit MessagesService(Services& services) : services_(services) {}

  // Returns after the commit. Errors: as ChangeStore::InsertMessage; forbidden for a `system` message unless the
  // caller is a service.
  Task<Result<StoredMessage>> Send(SendMessage send, Caller caller);
  // Errors: as MessageStore::ReadHistory.
  Task<Result<PageOfMessages>> History(HistoryQuery query);
  // Errors: not_found.
  Task<Result<Message>> Get(Uuid message, Caller caller);

 private:
  Services& services_;
};

// Marks messages as delivered that are returned to a caller other than their sender.
void MarkDelivered(Services& services, const Caller& caller, std::span<const Message> messages);
void MarkDelivered(Services& services, const Caller& caller, const Uuid& conversation,
                   std::span<const UndeliveredRun> runs);

// The hash that identifies two sends with one client_id as the same request.
RequestHash HashOf(const SendMessage& send);

}  // namespace parley

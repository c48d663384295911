// Messages: send, history, one by id. REST and WebSocket call the same functions.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/task.h"
#include "feature/services.h"

namespace parley {

// A send as a client asks for it, fields checked one by one (MessagesApi); here the rules between
// them are applied.
struct SendMessage {
  Uuid conversation;
  std::string content;  // trimmed; not empty unless there are attachments
  std::string content_type = "text";
  std::string metadata = "{}";
  std::optional<Uuid> reply_to;
  std::optional<std::string> client_id;
  std::vector<Uuid> attachments;  // distinct
  bool from_parley = false;       // a system message that a verb of ours writes for the caller
};

class MessagesService {
 public:
  explicit MessagesService(Services& services) : services_(services) {}

  // Answers after the commit (P1). Errors: as Store::InsertMessage; forbidden for a `system`
  // message from anybody but a service.
  Task<Result<StoredMessage>> Send(SendMessage send, Caller caller);
  // Errors: as Store::ReadHistory.
  Task<Result<PageOfMessages>> History(HistoryQuery query);
  // Errors: not_found.
  Task<Result<Message>> Get(Uuid message, Caller caller);

 private:
  Services& services_;
};

// Notes messages as delivered that a caller other than their sender is about to be shown.
void NoteShown(Services& services, const Caller& caller, std::span<const Message> messages);

// What makes two sends with one client_id the same request (P2).
RequestHash HashOf(const SendMessage& send);

}  // namespace parley

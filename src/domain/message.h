// A stored message, and the request to create one.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "domain/attachment.h"

namespace parley {

struct Message {
  Uuid id;
  Uuid conversation_id;
  int64_t seq = 0;                  // seq of its creation; never changes
  std::optional<UserId> sender_id;  // nullopt: a system message without a user
  std::string content;
  std::string content_type = "text";
  Timestamp sent_at;
  std::optional<Timestamp> delivered_at, read_at, edited_at, deleted_at;
  std::optional<Uuid> reply_to;
  std::string metadata = "{}";  // JSON text of an object
  std::optional<std::string> client_id;
  std::vector<Attachment> attachments;
};

// The first 16 bytes of the SHA-256 of the request: distinguishes a repeat from a reused client_id.
using RequestHash = std::array<uint8_t, 16>;

struct NewMessage {
  Uuid id;  // ignored if the send is a repeat
  Uuid conversation_id;
  UserId sender_id;
  std::string content;  // trimmed and validated
  std::string content_type = "text";
  std::string metadata = "{}";
  std::optional<Uuid> reply_to;
  std::optional<std::string> client_id;
  RequestHash request_hash{};     // set if client_id is set
  std::vector<Uuid> attachments;  // distinct unattached uploads of the sender
  // Ids in content and metadata, distinct: unattached uploads of the sender among them are attached too.
  std::vector<Uuid> named = {};
  bool as_service = false;  // a service can send without being a participant
};

// The result of a send. For a repeat, the message as first stored.
struct StoredMessage {
  Message message;
  bool duplicate = false;
  uint64_t epoch = 0;  // epoch of the store: see SqlSession::Epoch
};

}  // namespace parley

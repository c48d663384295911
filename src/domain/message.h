// A message as it is stored and shown, and the request that makes one.
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
  int64_t seq = 0;                  // of its creation; never changes
  std::optional<UserId> sender_id;  // none: a system message with nobody behind it
  std::string content;
  std::string content_type = "text";
  Timestamp sent_at;
  std::optional<Timestamp> delivered_at, read_at, edited_at, deleted_at;
  std::optional<Uuid> reply_to;
  std::string metadata = "{}";  // JSON text of an object
  std::optional<std::string> client_id;
  std::vector<Attachment> attachments;
};

// The first 16 bytes of SHA-256 over what was asked for: tells a repeat from a reuse of client_id.
using RequestHash = std::array<uint8_t, 16>;

struct NewMessage {
  Uuid id;  // used unless this turns out to be a repeat
  Uuid conversation_id;
  UserId sender_id;
  std::string content;  // trimmed and checked
  std::string content_type = "text";
  std::string metadata = "{}";
  std::optional<Uuid> reply_to;
  std::optional<std::string> client_id;
  RequestHash request_hash{};     // set when client_id is
  std::vector<Uuid> attachments;  // distinct; the sender's own, and of no message yet
  bool as_service = false;        // a service token may write where it is no participant
};

// What a send came to. For a repeat: the message as it was first stored.
struct StoredMessage {
  Message message;
  bool duplicate = false;
  uint64_t epoch = 0;  // of the store that took it: see SqlSession::Epoch
};

}  // namespace parley

// Messages of Django as events for Parley's clients. Pure functions.
#pragma once
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/ids.h"
#include "django/event_types.h"
#include "django/value.h"
#include "protocol/event.h"

namespace parley::django {

// A chat message that Django sent. It may be stored in the database that Parley uses, or not.
struct ForeignMessage {
  Uuid id;
  Uuid conversation_id;
  std::optional<UserId> sender_id;
  std::string content;
  std::string content_type = "text";
  Timestamp sent_at;
  std::string metadata = "{}";  // JSON text of an object
};

struct DjangoEvent {
  EventKind kind = EventKind::kApplication;
  // The group that it was sent to: of a conversation, or of a user.
  std::optional<Uuid> conversation;
  UserId to_user;
  // The user that reads, types, or comes and goes. Otherwise empty.
  UserId user;
  std::optional<ForeignMessage> message;  // of kMessage and kMessageUpdated
  Uuid message_id;                        // of kMessage, kMessageUpdated and kMessageDeleted
  // What a socket receives: {"type", "conversation_id", "stored" (false, of messages), "data"}.
  std::string json;
};

enum class Discarded { kMalformed, kIgnored };

// `message`: an object that was sent to the group of a conversation. Unusable optional fields count as
// absent; `now` replaces a missing time.
std::variant<DjangoEvent, Discarded> FromDjango(const Uuid& conversation, const Value& message,
                                                const AllowedTypes& application, Timestamp now);
// The same, for the group of a user, which takes application events only.
std::variant<DjangoEvent, Discarded> FromDjango(const UserId& to_user, const Value& message,
                                                const AllowedTypes& application);

}  // namespace parley::django

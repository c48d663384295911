// Makes the events of a conversation (protocol/event.h). docs/protocol.md describes their JSON.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "domain/change.h"
#include "protocol/event.h"

namespace parley {

// The event of a durable change. `leaver`: the user whom the change removed. `committed_at`: unset if
// the change was read from the store.
EventRef ChangeEvent(const Change& change, Monotonic committed_at = {},
                     const std::optional<UserId>& leaver = std::nullopt);
EventRef MessageEvent(const Message& message, Monotonic committed_at = {});
// The maximum messages in a receipt; more are split into several frames.
inline constexpr size_t kMessagesInReceipt = 100;
// `messages`: the ids that the reader gave.
EventRef ReadReceiptEvent(const Uuid& conversation, const UserId& reader,
                          std::span<const Uuid> messages, int64_t up_to_seq);
EventRef TypingEvent(const Uuid& conversation, const UserId& user, bool is_typing);
// user_online or user_offline; without a conversation, for user sockets.
EventRef PresenceEvent(const std::optional<Uuid>& conversation, const UserId& user, bool online);
EventRef ConversationCreatedEvent(const Conversation& conversation);
EventRef ConversationDeletedEvent(const Uuid& conversation);
// Ends the subscription of a user who is no longer a participant, if no durable event does.
EventRef RemovalEvent(const Uuid& conversation, const UserId& leaver);
// An ephemeral event without JSON: see Event::rewind_to.
EventRef RewindEvent(const Uuid& conversation, int64_t rewind_to);

// Makes the event of another node from its JSON; the other members are those of `like`.
EventRef RemoteEventFrom(Event like, std::string json);

}  // namespace parley

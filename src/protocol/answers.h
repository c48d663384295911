// The frames that a server sends to one connection only. Each function returns the frame's JSON.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "domain/change.h"

namespace parley {

// The `ref` of the command, or nullopt.
using Ref = std::optional<std::string>;

std::string AckFrame(const Ref& ref, const Message& message, bool duplicate);
// The ack of an edit or delete; `seq` is null if nothing changed.
std::string ChangeAckFrame(const Ref& ref, const Change& change);
std::string PlainAckFrame(const Ref& ref);
std::string ErrorFrame(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error);
std::string PongFrame(const Ref& ref);
std::string HistoryFrame(const Ref& ref, const Uuid& conversation,
                         const std::vector<Message>& messages, bool has_more);
std::string GapFrame(const Uuid& conversation, int64_t from, int64_t to, bool reset);
std::string ConversationLeftFrame(const Uuid& conversation);

using ConversationSeqs = std::vector<std::pair<Uuid, int64_t>>;
std::string ResumedFrame(const Ref& ref, const ConversationSeqs& conversations);

struct Greeting {
  UserId user;
  std::string session_id;
  int64_t ping_interval_ms = 0;
};
std::string ConversationGreeting(const Greeting& greeting, const Uuid& conversation, int64_t seq,
                                 std::span<const std::string_view> online);
// The frames of user_online for these users of the conversation, as PresenceEvent has them.
std::vector<std::string> OnlineFrames(const Uuid& conversation,
                                      std::span<const std::string_view> users);
std::string UserGreeting(const Greeting& greeting, const ConversationSeqs& heads,
                         std::string_view cursor, bool more);

std::string DisconnectFrame(uint16_t code, std::string_view reason, bool reconnect,
                            int64_t delay_ms);

}  // namespace parley

// A conversation and its members, as plain values. docs/protocol.md describes the fields.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

enum class ConversationType { kDirect, kGroup, kTask };
std::string_view Name(ConversationType type);
std::optional<ConversationType> ParseConversationType(std::string_view name);

enum class Role {
  kMember,
  kAdmin,
  kOwner
};  // ordered: a role includes the permissions of lower roles
std::string_view Name(Role role);
std::optional<Role> ParseRole(std::string_view name);

struct Member {
  UserId user;
  Role role = Role::kMember;
  Timestamp joined_at;
  int64_t last_read_seq = 0;
  std::optional<Timestamp> last_read_at;
};

struct Conversation {
  Uuid id;
  ConversationType type = ConversationType::kDirect;
  std::optional<std::string> title;
  std::vector<Member> members;  // the first 100 by join time
  int64_t participant_count = 0;
  Timestamp created_at;
  std::optional<Timestamp> last_message_at;
  std::string metadata = "{}";  // JSON text of an object
  int64_t seq = 0;              // seq of the last durable change; 0 for a new conversation
};

}  // namespace parley

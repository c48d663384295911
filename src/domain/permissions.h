// The permissions of each role in a conversation, from one table (permissions.def).
#pragma once
#include <string>

#include "domain/conversation.h"

namespace parley {

enum class Action {
#define PARLEY_PERMISSION(action, direct, group, task, what) action,
#include "domain/permissions.def"
#undef PARLEY_PERMISSION
};

// The lowest role with this permission; nullopt if no role has it in conversations of this type.
// `as_guide`: as in the guide's system, every member of a group can change its title, add participants, and
// remove participants other than the owner.
std::optional<Role> LeastRole(Action action, ConversationType type, bool as_guide = false);
inline bool May(Action action, ConversationType type, Role role, bool as_guide = false) {
  const auto least = LeastRole(action, type, as_guide);
  return least && role >= *least;
}

// The table in docs/permissions.md.
std::string PermissionsAsMarkdown();

}  // namespace parley

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
std::optional<Role> LeastRole(Action action, ConversationType type);
// [compat] guide: any member of a group may change its title and add or remove participants. Must be called
// before serving starts.
void SetGuidePermissions(bool on);
inline bool May(Action action, ConversationType type, Role role) {
  const auto least = LeastRole(action, type);
  return least && role >= *least;
}

// The table in docs/permissions.md.
std::string PermissionsAsMarkdown();

}  // namespace parley

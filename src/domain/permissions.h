// Who may do what in a conversation: one table (permissions.def). product.md §2, §3.
#pragma once
#include <string>

#include "domain/conversation.h"

namespace parley {

enum class Action {
#define PARLEY_PERMISSION(action, direct, group, task, what) action,
#include "domain/permissions.def"
#undef PARLEY_PERMISSION
};

// The least role that may do it; none: nobody may, in a conversation of that type.
std::optional<Role> LeastRole(Action action, ConversationType type);
inline bool May(Action action, ConversationType type, Role role) {
  const auto least = LeastRole(action, type);
  return least && role >= *least;
}

// The table of docs/permissions.md.
std::string PermissionsAsMarkdown();

}  // namespace parley

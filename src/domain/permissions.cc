#include "domain/permissions.h"

#include <array>

namespace parley {
namespace {

constexpr std::optional<Role> kMember = Role::kMember;
constexpr std::optional<Role> kAdmin = Role::kAdmin;
constexpr std::optional<Role> kOwner = Role::kOwner;
constexpr std::optional<Role> kNobody = std::nullopt;

struct Row {
  Action action;
  std::array<std::optional<Role>, 3> least;  // by ConversationType
  std::string_view name, what;
};

constexpr Row kTable[] = {
#define PARLEY_PERMISSION(action, direct, group, task, what) \
  {Action::action, {direct, group, task}, #action, what},
#include "domain/permissions.def"
#undef PARLEY_PERMISSION
};

}  // namespace

std::optional<Role> LeastRole(Action action, ConversationType type, bool as_guide) {
  const bool is_of_guide = action == Action::update_title || action == Action::add_participant ||
                           action == Action::remove_participant;
  if (as_guide && is_of_guide && type == ConversationType::kGroup) return kMember;
  return kTable[static_cast<size_t>(action)].least[static_cast<size_t>(type)];
}

std::string PermissionsAsMarkdown() {
  std::string out = "| action | | direct | group | task |\n|---|---|---|---|---|\n";
  for (const Row& row : kTable) {
    out.append("| `").append(row.name).append("` | ").append(row.what).append(" |");
    for (const auto& least : row.least) {
      out.append(" ").append(least ? Name(*least) : "nobody").append(" |");
    }
    out += '\n';
  }
  return out;
}

}  // namespace parley

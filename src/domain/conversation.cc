#include "domain/conversation.h"

namespace parley {

std::string_view Name(ConversationType type) {
  switch (type) {
    case ConversationType::kDirect:
      return "direct";
    case ConversationType::kGroup:
      return "group";
    case ConversationType::kTask:
      return "task";
  }
  return "";
}

std::optional<ConversationType> ParseConversationType(std::string_view name) {
  if (name == "direct") return ConversationType::kDirect;
  if (name == "group") return ConversationType::kGroup;
  if (name == "task") return ConversationType::kTask;
  return std::nullopt;
}

std::string_view Name(Role role) {
  switch (role) {
    case Role::kMember:
      return "member";
    case Role::kAdmin:
      return "admin";
    case Role::kOwner:
      return "owner";
  }
  return "";
}

std::optional<Role> ParseRole(std::string_view name) {
  if (name == "member") return Role::kMember;
  if (name == "admin") return Role::kAdmin;
  if (name == "owner") return Role::kOwner;
  return std::nullopt;
}

}  // namespace parley

#include "domain/permissions.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace parley {
namespace {

// Proves: roles
TEST(Permissions, TheDocumentationHoldsTheTable) {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../docs/permissions.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(PermissionsAsMarkdown()), std::string::npos)
      << "docs/permissions.md must hold:\n"
      << PermissionsAsMarkdown();
}

TEST(Permissions, AHigherRoleHasAllPermissionsOfALowerOne) {
  EXPECT_FALSE(May(Action::update_title, ConversationType::kGroup, Role::kMember));
  EXPECT_TRUE(May(Action::update_title, ConversationType::kGroup, Role::kAdmin));
  EXPECT_TRUE(May(Action::update_title, ConversationType::kGroup, Role::kOwner));
  EXPECT_TRUE(May(Action::update_title, ConversationType::kTask, Role::kMember));
}

TEST(Permissions, ActionsOfNobodyAreForbiddenToTheOwner) {
  EXPECT_FALSE(May(Action::add_participant, ConversationType::kDirect, Role::kOwner));
  EXPECT_FALSE(LeastRole(Action::leave, ConversationType::kDirect));
}

TEST(Permissions, TheRulesOfTheGuideLetAnyMemberOfAGroupChangeIt) {
  EXPECT_EQ(LeastRole(Action::add_participant, ConversationType::kGroup, true), Role::kMember);
  EXPECT_EQ(LeastRole(Action::remove_participant, ConversationType::kGroup, true), Role::kMember);
  EXPECT_EQ(LeastRole(Action::update_title, ConversationType::kGroup, true), Role::kMember);
  EXPECT_EQ(LeastRole(Action::set_role, ConversationType::kGroup, true), Role::kOwner);
  EXPECT_EQ(LeastRole(Action::add_participant, ConversationType::kDirect, true), std::nullopt);
  EXPECT_EQ(LeastRole(Action::add_participant, ConversationType::kGroup), Role::kAdmin);
}

}  // namespace
}  // namespace parley

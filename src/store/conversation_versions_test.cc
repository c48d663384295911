#include "store/conversation_versions.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Part = ConversationVersions::Part;
constexpr auto kMessages = Part::kMessages, kBoth = Part::kMessagesAndMembers;

class ConversationVersionsTest : public testing::Test {
 protected:
  const ConversationVersions versions_;
  const Uuid conversation_ = *Uuid::Parse("01890000-0000-7000-8000-000000000001");
};

TEST_F(ConversationVersionsTest, AChangeInFlightIsBusyAndItsEndIsANewVersion) {
  const auto before = versions_.Of(conversation_);
  EXPECT_FALSE(before.busy());
  ConversationVersions::Change change;
  change.Begin(&versions_, conversation_, kMessages);
  EXPECT_TRUE(versions_.Of(conversation_).busy());
  change.End();
  const auto after = versions_.Of(conversation_);
  EXPECT_FALSE(after.busy());
  EXPECT_NE(after.messages, before.messages);
  EXPECT_EQ(after.members, before.members);
}

TEST_F(ConversationVersionsTest, AChangeOfMembersChangesBothVersions) {
  const auto before = versions_.Of(conversation_);
  ConversationVersions::Change().Begin(&versions_, conversation_, kBoth);
  const auto after = versions_.Of(conversation_);
  EXPECT_NE(after.messages, before.messages);
  EXPECT_NE(after.members, before.members);
}

TEST_F(ConversationVersionsTest, TheVersionIsBusyUntilTheLastChangeEnds) {
  ConversationVersions::Change first, second;
  first.Begin(&versions_, conversation_, kMessages);
  second.Begin(&versions_, conversation_, kBoth);
  first.End();
  EXPECT_TRUE(versions_.Of(conversation_).busy());
  second.End();
  EXPECT_FALSE(versions_.Of(conversation_).busy());
}

TEST_F(ConversationVersionsTest, BeginningAndEndingAgainHasNoEffect) {
  ConversationVersions::Change change;
  change.Begin(&versions_, conversation_, kMessages);
  const auto busy = versions_.Of(conversation_);
  change.Begin(&versions_, conversation_, kMessages);
  EXPECT_EQ(versions_.Of(conversation_), busy);
  change.End();
  const auto after = versions_.Of(conversation_);
  change.End();
  EXPECT_EQ(versions_.Of(conversation_), after);
}

TEST_F(ConversationVersionsTest, AMovedOrDestroyedChangeEndsOnce) {
  ConversationVersions::Change one;
  one.Begin(&versions_, conversation_, kMessages);
  {
    const ConversationVersions::Change other = std::move(one);
    EXPECT_TRUE(versions_.Of(conversation_).busy());
  }
  EXPECT_FALSE(versions_.Of(conversation_).busy());
}

TEST_F(ConversationVersionsTest, WithoutVersionsAChangeDoesNothing) {
  ConversationVersions::Change change;
  change.Begin(nullptr, conversation_, kMessages);
  change.End();
  EXPECT_FALSE(versions_.Of(conversation_).busy());
}

}  // namespace
}  // namespace parley

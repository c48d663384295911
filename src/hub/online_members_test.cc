#include "hub/online_members.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "protocol/events.h"
#include "test/support/rooms.h"

namespace parley {
namespace {

using Online = std::vector<bool>;

using test::kRoom, test::kOther;

SharedUsers List(std::vector<UserId> users) {
  return std::make_shared<const std::vector<UserId>>(std::move(users));
}

class OnlineMembersTest : public testing::Test {
 protected:
  OnlineUsers online_;
  OnlineMembers members_{&online_};
  SharedUsers both_ = List({"ann", "bob"});
};

TEST_F(OnlineMembersTest, AnswersInTheOrderOfTheMembers) {
  online_.Show("bob");
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, true}));
  EXPECT_EQ(members_.Of(kOther, List({"bob", "cho", "ann"})), (Online{true, false, false}));
  EXPECT_EQ(members_.Of(kRoom, List({})), Online{});
}

TEST_F(OnlineMembersTest, APresenceEventUpdatesTheAnswerOfItsConversation) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  EXPECT_EQ(members_.Of(kOther, both_), (Online{false, false}));
  members_.OnPresence(*PresenceEvent(kRoom, "bob", true));
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, true}));
  EXPECT_EQ(members_.Of(kOther, both_), (Online{false, false}));
  members_.OnPresence(*PresenceEvent(kRoom, "bob", false));
  members_.OnPresence(*PresenceEvent(kRoom, "eve", true));  // not a member
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
}

TEST_F(OnlineMembersTest, ATickEndsTheAnswers) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  online_.Show("ann");
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));  // the event is under way
  members_.OnTick();
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{true, false}));
}

TEST_F(OnlineMembersTest, TheEndOfTheSubscriptionEndsTheAnswer) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  online_.Show("ann");
  members_.Forget(kOther);
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  members_.Forget(kRoom);
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{true, false}));
}

TEST_F(OnlineMembersTest, AChangeOfMembersEndsTheAnswer) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  online_.Show("ann");
  EXPECT_EQ(members_.Of(kRoom, List({"ann", "bob", "cho"})), (Online{true, false, false}));
}

TEST_F(OnlineMembersTest, EventsOfOtherSystemsAreNotPresenceOfThisOne) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  Event event{.conversation = kRoom, .kind = EventKind::kUserOnline};
  event.origin = Origin::kDjango;
  event.except_user = "ann";
  members_.OnPresence(event);
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
}

TEST_F(OnlineMembersTest, TheNumberOfAnswersIsBounded) {
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{false, false}));
  online_.Show("ann");
  for (size_t i = 0; i < OnlineMembers::kMaxLists; ++i) {
    members_.Of(Uuid{{3, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}}, both_);
  }
  EXPECT_EQ(members_.Of(kRoom, both_), (Online{true, false}));
}

TEST(OnlineMembersWithoutPresenceTest, EveryMemberIsOffline) {
  OnlineMembers members(nullptr);
  EXPECT_EQ(members.Of(kRoom, List({"ann"})), Online{false});
}

}  // namespace
}  // namespace parley

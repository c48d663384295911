#include "hub/members.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Membership = Members::Answer;
constexpr int64_t kLive = 3;

class MembersTest : public testing::Test {
 protected:
  void Read(int64_t seq, std::vector<UserId> users) {
    const auto count = static_cast<int64_t>(users.size());
    members_.OnRead(seq, count, std::move(users), true);
  }
  bool Add(const UserId& user, int64_t seq, int64_t count) {
    return members_.Apply({.added = user, .participant_count = count}, seq, head_, kLive);
  }
  bool Remove(const UserId& user, int64_t seq, int64_t count) {
    return members_.Apply({.removed = user, .participant_count = count}, seq, head_, kLive);
  }
  Membership Check(const UserId& user, std::optional<int64_t> member_at = std::nullopt,
                   bool other_writers = true) {
    return members_.Check(user, member_at, other_writers);
  }

  int64_t head_ = 10;
  MemberIndex index_;
  Members members_{index_, Uuid{{1}}};
};

TEST_F(MembersTest, UnknownMembersAreAskedOfTheStore) {
  EXPECT_FALSE(members_.known());
  EXPECT_EQ(Check("ann"), Membership::kAskStore);
}

TEST_F(MembersTest, AListOfAllMembersDecidesUnlessAnotherNodeMayHaveAddedTheUser) {
  Read(10, {"ann", "bob"});
  EXPECT_EQ(Check("ann"), Membership::kMember);
  EXPECT_EQ(Check("eve", std::nullopt, false), Membership::kNotMember);
  EXPECT_EQ(Check("eve", std::nullopt, true), Membership::kAskStore);
}

TEST_F(MembersTest, AMembershipInASnapshotHoldsUntilALaterChangeOfMembers) {
  Read(10, {});
  EXPECT_EQ(Check("ann", 10), Membership::kMember);
  EXPECT_EQ(Check("ann", 9), Membership::kAskStore) << "a change at 10 may have removed the user";
  Add("bob", 12, 500);
  EXPECT_EQ(Check("ann", 11), Membership::kAskStore);
  EXPECT_EQ(Check("ann", 12), Membership::kMember);
}

TEST_F(MembersTest, ChangesInOrderAreAppliedWithoutARead) {
  Read(10, {"ann"});
  EXPECT_FALSE(Add("bob", 11, 2));
  EXPECT_FALSE(Add("bob", 12, 2)) << "added twice";
  EXPECT_EQ(members_.all(), (std::vector<UserId>{"ann", "bob"}));
  EXPECT_FALSE(Remove("ann", 13, 1));
  EXPECT_EQ(members_.all(), std::vector<UserId>{"bob"});
  EXPECT_EQ(members_.count(), 1);
  EXPECT_FALSE(members_.stale());
}

TEST_F(MembersTest, AChangeThatTheReadIncludesHasNoEffect) {
  Read(10, {"ann"});
  EXPECT_FALSE(Add("eve", 9, 2)) << "removed again before 10";
  EXPECT_EQ(members_.all(), std::vector<UserId>{"ann"});
}

TEST_F(MembersTest, ALateChangeRequiresARead) {
  Read(10, {"ann", "bob", "cho"});
  EXPECT_FALSE(Remove("cho", 13, 2));
  EXPECT_TRUE(Remove("bob", 12, 2));
  EXPECT_TRUE(members_.stale());
  EXPECT_FALSE(members_.Has("bob")) << "a removal takes effect immediately";
  EXPECT_TRUE(members_.IsOutdated(12)) << "the read must include 13";
  members_.OnReadBegins();
  Read(13, {"ann"});
  EXPECT_FALSE(members_.stale());
}

TEST_F(MembersTest, AChangeDuringAReadIsNotLost) {
  Read(10, {"ann"});
  members_.OnReadBegins();
  members_.Invalidate();
  Read(11, {"ann"});
  EXPECT_TRUE(members_.stale());
}

TEST_F(MembersTest, MembersAreNotListedBeyondTheLimitAndAreReadWhenTheyFitAgain) {
  Read(10, {"ann", "bob", "cho"});
  EXPECT_FALSE(Add("dan", 11, 4));
  EXPECT_TRUE(members_.all().empty());
  EXPECT_EQ(members_.count(), 4);
  EXPECT_TRUE(Remove("dan", 12, 3));
  EXPECT_TRUE(members_.stale());
}

TEST_F(MembersTest, ARemovalWithoutASeqIsLaterThanEveryKnownChange) {
  Read(10, {"ann", "bob"});
  EXPECT_TRUE(Remove("bob", 0, 1));
  EXPECT_EQ(Check("bob", head_), Membership::kAskStore);
  EXPECT_FALSE(Remove("bob", 0, 1)) << "already removed";
}

TEST_F(MembersTest, ARewindMakesEveryMembershipUncertain) {
  Read(10, {});
  members_.Remember("ann");
  EXPECT_EQ(Check("ann"), Membership::kMember);
  members_.OnRewind();
  EXPECT_EQ(Check("ann"), Membership::kAskStore);
  EXPECT_TRUE(members_.stale());
}

TEST_F(MembersTest, TheIndexFollows) {
  Read(10, {"ann", "bob"});
  EXPECT_EQ(index_.ConversationsOf("bob").size(), 1u);
  Remove("bob", 11, 1);
  EXPECT_TRUE(index_.ConversationsOf("bob").empty());
  members_.Forget();
  EXPECT_EQ(index_.users(), 0u);
}

}  // namespace
}  // namespace parley

#include "hub/neighbours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace parley {
namespace {

using namespace std::chrono_literals;

const Uuid kHere{{1}}, kOther{{2}};
const Uuid kNode{{0x11}}, kThird{{0x22}};

class NeighboursTest : public testing::Test {
 protected:
  // A node says that these are all its users.
  bool Hello(const Uuid& node, const std::vector<UserId>& users, const Uuid& store = kHere,
             bool settled = false) {
    ShownUsers shown;
    for (const UserId& user : users) shown.Add(user);
    neighbours_.Heard(node, clock_.Steady());
    return neighbours_.Hello(node, {store, users.size(), shown.digest(), settled});
  }
  void Presence(const Uuid& node, const std::vector<UserId>& users, bool online) {
    neighbours_.Heard(node, clock_.Steady());
    neighbours_.Presence(node, users, online);
  }
  void Pass(Duration time) {
    clock_.Advance(time);
    neighbours_.OnTick(clock_.Steady(), up_);
  }
  // Seconds of ticks, as a shard makes them.
  void PassInTicks(int seconds) {
    for (int i = 0; i < seconds; ++i) Pass(1s);
  }

  ManualClock clock_;
  bool up_ = true;
  std::multiset<UserId> shown_;
  Neighbours neighbours_{kHere, [this](const std::vector<UserId>& users, bool shown) {
                           for (const UserId& user : users) {
                             if (shown) {
                               shown_.insert(user);
                             } else {
                               ASSERT_TRUE(shown_.contains(user));
                               shown_.erase(shown_.find(user));
                             }
                           }
                         }};
};

TEST_F(NeighboursTest, UsersAreShownOnceForEachNodeThatShowsThem) {
  Presence(kNode, {"ann", "bob"}, true);
  Presence(kNode, {"ann"}, true);
  Presence(kThird, {"ann"}, true);
  EXPECT_EQ(shown_, (std::multiset<UserId>{"ann", "ann", "bob"}));
  Presence(kNode, {"ann", "never"}, false);
  EXPECT_EQ(shown_, (std::multiset<UserId>{"ann", "bob"}));
}

TEST_F(NeighboursTest, ANodeThatSaysNothingForTheLeaseIsDead) {
  Presence(kNode, {"ann"}, true);
  PassInTicks(14);
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(1);
  EXPECT_TRUE(shown_.empty());
  EXPECT_EQ(neighbours_.size(), 0u);
}

TEST_F(NeighboursTest, AnythingItSaysExtendsTheLease) {
  Presence(kNode, {"ann"}, true);
  for (int i = 0; i < 4; ++i) {
    PassInTicks(10);
    EXPECT_FALSE(Hello(kNode, {"ann"}));
  }
  EXPECT_EQ(shown_.count("ann"), 1u);
}

TEST_F(NeighboursTest, AGoodbyeLeavesTimeToComeBackElsewhere) {
  Presence(kNode, {"ann"}, true);
  neighbours_.Goodbye(kNode, clock_.Steady());
  neighbours_.Heard(kNode, clock_.Steady());  // its last words
  PassInTicks(2);
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(1);
  EXPECT_TRUE(shown_.empty());
}

TEST_F(NeighboursTest, WhoWasStoppedItselfDoesNotTakeTheOthersForDead) {
  Presence(kNode, {"ann"}, true);
  PassInTicks(1);
  Pass(1min);  // no tick in between
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(15);
  EXPECT_TRUE(shown_.empty());
}

TEST_F(NeighboursTest, AHelloShowsWhatWasLost) {
  EXPECT_FALSE(Hello(kNode, {}));
  EXPECT_TRUE(Hello(kNode, {"ann"})) << "we never heard of her";
  Presence(kNode, {"ann"}, true);
  EXPECT_FALSE(Hello(kNode, {"ann"}));
  EXPECT_TRUE(Hello(kNode, {"bob"})) << "as many, but another";
}

TEST_F(NeighboursTest, AllUsersAgainReplaceWhatWasHeld) {
  Presence(kNode, {"ann", "bob"}, true);
  neighbours_.Reset(kNode);
  EXPECT_EQ(shown_.size(), 2u) << "nobody goes before the list is whole";
  Presence(kNode, {"bob", "cho"}, true);
  EXPECT_FALSE(Hello(kNode, {"bob", "cho"}));
  EXPECT_EQ(shown_, (std::multiset<UserId>{"bob", "cho"}));
}

TEST_F(NeighboursTest, AnotherStoreIsKnownAsLongAsItsNodeIs) {
  Hello(kNode, {});
  EXPECT_FALSE(neighbours_.AnotherStore());
  Hello(kThird, {}, kOther);
  EXPECT_TRUE(neighbours_.AnotherStore());
  PassInTicks(15);
  EXPECT_FALSE(neighbours_.AnotherStore());
}

TEST_F(NeighboursTest, ANewcomerYieldsToAnotherStore) {
  PassInTicks(5);
  Hello(kThird, {}, kOther);
  EXPECT_TRUE(neighbours_.Mismatch());
  for (int i = 0; i < 10; ++i) {
    PassInTicks(5);
    Hello(kThird, {}, kOther);
  }
  EXPECT_TRUE(neighbours_.Mismatch()) << "time beside the other store does not settle it";
  EXPECT_FALSE(neighbours_.settled());
  PassInTicks(15);
  EXPECT_FALSE(neighbours_.Mismatch()) << "the other one has left";
}

TEST_F(NeighboursTest, ASettledNodeKeepsServingBesideAnotherStore) {
  PassInTicks(16);
  EXPECT_TRUE(neighbours_.settled());
  Hello(kThird, {}, kOther);
  EXPECT_TRUE(neighbours_.AnotherStore());
  EXPECT_FALSE(neighbours_.Mismatch());
}

TEST_F(NeighboursTest, WithoutTheBusANodeDoesNotSettle) {
  up_ = false;
  PassInTicks(60);
  EXPECT_FALSE(neighbours_.settled());
  up_ = true;
  PassInTicks(1);
  Hello(kThird, {}, kOther);
  EXPECT_TRUE(neighbours_.Mismatch());
}

TEST_F(NeighboursTest, ANewcomerServesBesideASettledNodeOfItsOwnStore) {
  Hello(kThird, {}, kOther, true);
  EXPECT_TRUE(neighbours_.Mismatch());
  Hello(kNode, {}, kHere, true);
  EXPECT_FALSE(neighbours_.Mismatch()) << "a rolling restart of the settled system";
  PassInTicks(16);
  EXPECT_TRUE(neighbours_.settled());
}

TEST_F(NeighboursTest, UsersOfAnotherStoreAreNotShown) {
  Presence(kThird, {"ann"}, true);
  Hello(kThird, {"ann"}, kOther);
  EXPECT_TRUE(shown_.empty());
  Presence(kThird, {"bob"}, true);
  EXPECT_TRUE(shown_.empty());
  EXPECT_FALSE(Hello(kThird, {"ann", "bob"}, kOther)) << "they are not asked for either";
  EXPECT_TRUE(neighbours_.IsForeign(kThird));
  EXPECT_FALSE(neighbours_.IsOurs(kThird));
}

}  // namespace
}  // namespace parley

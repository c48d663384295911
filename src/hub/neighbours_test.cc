#include "hub/neighbours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace parley {
namespace {

using namespace std::chrono_literals;

const Uuid kHere{{1}}, kThere{{2}};
const Uuid kNode{{0x11}}, kThird{{0x22}};

class NeighboursTest : public testing::Test {
 protected:
  // A node says that these are all its users.
  bool OnHello(const Uuid& node, const std::vector<UserId>& users, const Uuid& store = kHere,
               bool settled = false) {
    LocalUsers shown;
    for (const UserId& user : users) shown.Add(user);
    neighbours_.OnMessage(node, clock_.Steady());
    return neighbours_.OnHello(node, {store, users.size(), shown.digest(), settled});
  }
  void OnPresence(const Uuid& node, const std::vector<UserId>& users, bool online) {
    neighbours_.OnMessage(node, clock_.Steady());
    neighbours_.OnPresence(node, users, online);
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

TEST_F(NeighboursTest, UsersAreReportedOncePerNode) {
  OnPresence(kNode, {"ann", "bob"}, true);
  OnPresence(kNode, {"ann"}, true);
  OnPresence(kThird, {"ann"}, true);
  EXPECT_EQ(shown_, (std::multiset<UserId>{"ann", "ann", "bob"}));
  OnPresence(kNode, {"ann", "never"}, false);
  EXPECT_EQ(shown_, (std::multiset<UserId>{"ann", "bob"}));
}

// Proves: P11 presence
TEST_F(NeighboursTest, ASilentNodeExpiresAfterItsLease) {
  OnPresence(kNode, {"ann"}, true);
  PassInTicks(14);
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(1);
  EXPECT_TRUE(shown_.empty());
  EXPECT_EQ(neighbours_.size(), 0u);
}

TEST_F(NeighboursTest, EveryMessageExtendsTheLease) {
  OnPresence(kNode, {"ann"}, true);
  for (int i = 0; i < 4; ++i) {
    PassInTicks(10);
    EXPECT_FALSE(OnHello(kNode, {"ann"}));
  }
  EXPECT_EQ(shown_.count("ann"), 1u);
}

TEST_F(NeighboursTest, AShutdownDelaysTheOfflineEvents) {
  OnPresence(kNode, {"ann"}, true);
  neighbours_.OnShutdown(kNode, clock_.Steady());
  neighbours_.OnMessage(kNode, clock_.Steady());  // its last words
  PassInTicks(2);
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(1);
  EXPECT_TRUE(shown_.empty());
}

TEST_F(NeighboursTest, ASuspendedNodeDoesNotExpireTheOtherNodes) {
  OnPresence(kNode, {"ann"}, true);
  PassInTicks(1);
  Pass(1min);  // no tick in between
  EXPECT_EQ(shown_.count("ann"), 1u);
  PassInTicks(15);
  EXPECT_TRUE(shown_.empty());
}

TEST_F(NeighboursTest, AHelloRevealsLostPresence) {
  EXPECT_FALSE(OnHello(kNode, {}));
  EXPECT_TRUE(OnHello(kNode, {"ann"})) << "we never heard of her";
  OnPresence(kNode, {"ann"}, true);
  EXPECT_FALSE(OnHello(kNode, {"ann"}));
  EXPECT_TRUE(OnHello(kNode, {"bob"})) << "as many, but another";
}

TEST_F(NeighboursTest, AFullAnnouncementReplacesTheKnownUsers) {
  OnPresence(kNode, {"ann", "bob"}, true);
  neighbours_.OnReset(kNode);
  EXPECT_EQ(shown_.size(), 2u) << "nobody goes before the list is whole";
  OnPresence(kNode, {"bob", "cho"}, true);
  EXPECT_FALSE(OnHello(kNode, {"bob", "cho"}));
  EXPECT_EQ(shown_, (std::multiset<UserId>{"bob", "cho"}));
}

// Proves: store identity, store_mismatch
TEST_F(NeighboursTest, AForeignStoreIsKnownUntilItsNodeExpires) {
  OnHello(kNode, {});
  EXPECT_FALSE(neighbours_.AnotherStore());
  OnHello(kThird, {}, kThere);
  EXPECT_TRUE(neighbours_.AnotherStore());
  PassInTicks(15);
  EXPECT_FALSE(neighbours_.AnotherStore());
}

TEST_F(NeighboursTest, ANewNodeYieldsToAnotherStore) {
  PassInTicks(5);
  OnHello(kThird, {}, kThere);
  EXPECT_TRUE(neighbours_.Mismatch());
  for (int i = 0; i < 10; ++i) {
    PassInTicks(5);
    OnHello(kThird, {}, kThere);
  }
  EXPECT_TRUE(neighbours_.Mismatch()) << "time beside the other store does not settle it";
  EXPECT_FALSE(neighbours_.settled());
  PassInTicks(15);
  EXPECT_FALSE(neighbours_.Mismatch()) << "the other one has left";
}

TEST_F(NeighboursTest, ASettledNodeKeepsServingBesideAnotherStore) {
  PassInTicks(16);
  EXPECT_TRUE(neighbours_.settled());
  OnHello(kThird, {}, kThere);
  EXPECT_TRUE(neighbours_.AnotherStore());
  EXPECT_FALSE(neighbours_.Mismatch());
}

TEST_F(NeighboursTest, ANodeDoesNotSettleWithoutTheBus) {
  up_ = false;
  PassInTicks(60);
  EXPECT_FALSE(neighbours_.settled());
  up_ = true;
  PassInTicks(1);
  OnHello(kThird, {}, kThere);
  EXPECT_TRUE(neighbours_.Mismatch());
}

TEST_F(NeighboursTest, ANewNodeServesBesideASettledNodeOfItsStore) {
  OnHello(kThird, {}, kThere, true);
  EXPECT_TRUE(neighbours_.Mismatch());
  OnHello(kNode, {}, kHere, true);
  EXPECT_FALSE(neighbours_.Mismatch()) << "a rolling restart of the settled system";
  PassInTicks(16);
  EXPECT_TRUE(neighbours_.settled());
}

TEST_F(NeighboursTest, UsersOfAnotherStoreAreIgnored) {
  OnPresence(kThird, {"ann"}, true);
  OnHello(kThird, {"ann"}, kThere);
  EXPECT_TRUE(shown_.empty());
  OnPresence(kThird, {"bob"}, true);
  EXPECT_TRUE(shown_.empty());
  EXPECT_FALSE(OnHello(kThird, {"ann", "bob"}, kThere)) << "they are not asked for either";
  EXPECT_TRUE(neighbours_.IsForeign(kThird));
  EXPECT_FALSE(neighbours_.IsOurs(kThird));
}

}  // namespace
}  // namespace parley

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "hub/home.h"
#include "hub/known_members.h"
#include "test/support/model_store.h"
#include "test/support/rooms.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using Users = std::vector<UserId>;

using test::kRoom, test::kOther;

class HomePresenceTest : public testing::Test, protected HomeSink {
 protected:
  void Deliver(unsigned shard, std::vector<EventRef> events) override {
    for (const EventRef& event : events) {
      EXPECT_TRUE(event->single_conversation);
      delivered_[shard].emplace_back(event->json);
    }
  }
  void Rest() {
    while (!store_.idle() || !executor_.idle()) {
      store_.Run();
      executor_.Run();
    }
  }
  void Listen(const Uuid& room, const UserId& user, unsigned shard = 0) {
    home_.Subscribe(room, user, false, shard,
                    [](Result<Subscription> given) { EXPECT_TRUE(given); });
    Rest();
  }
  Users Broadcast(const UserId& user, bool online = true) {
    const auto lists = home_.BroadcastPresence(user, online, Origin::kOtherNode);
    EXPECT_TRUE(store_.idle()) << "nothing is read";
    executor_.Run();
    std::set<UserId> reached;
    for (const SharedUsers& list : lists) reached.insert(list->begin(), list->end());
    return {reached.begin(), reached.end()};
  }
  size_t TakeDelivered(unsigned shard) { return std::exchange(delivered_[shard], {}).size(); }

  test::StepExecutor executor_;
  test::ModelStore store_;
  HubCounters counters_;
  Home home_{executor_, store_, *this, counters_, {.shards = 2, .live_participants = 3}};
  std::vector<std::vector<std::string>> delivered_{2};
};

TEST_F(HomePresenceTest, SubscribersOfEveryConversationOfTheUserReceiveIt) {
  store_.Put(kRoom, {"ann", "bob", "cho"});
  store_.Put(kOther, {"ann", "bob", "dan"});
  Listen(kRoom, "bob", 0);
  Listen(kOther, "dan", 1);
  EXPECT_EQ(Broadcast("ann"), (Users{"ann", "bob", "cho", "dan"}));
  ASSERT_EQ(delivered_[0].size(), 1u);
  EXPECT_NE(delivered_[0][0].find("user_online"), std::string::npos);
  EXPECT_NE(delivered_[0][0].find(kRoom.ToString()), std::string::npos);
  EXPECT_EQ(TakeDelivered(1), 1u);
  EXPECT_EQ(Broadcast("dan", false), (Users{"ann", "bob", "dan"}));
  EXPECT_EQ(TakeDelivered(1), 1u);
  EXPECT_EQ(delivered_[0].size(), 1u);
}

TEST_F(HomePresenceTest, OtherConversationsAndThoseWithoutSubscribersReceiveNothing) {
  store_.Put(kRoom, {"ann", "bob"});
  Listen(kRoom, "bob");
  EXPECT_EQ(Broadcast("eve"), Users());
  home_.Unsubscribe(kRoom, 0);
  EXPECT_EQ(Broadcast("ann"), Users());
  EXPECT_EQ(TakeDelivered(0), 0u);
}

TEST_F(HomePresenceTest, LargeConversationsReceiveNothing) {
  store_.Put(kRoom, {"ann", "bob", "cho", "dan"});
  Listen(kRoom, "bob");
  EXPECT_EQ(Broadcast("ann"), Users());
  EXPECT_EQ(TakeDelivered(0), 0u);
}

TEST_F(HomePresenceTest, AConversationWithOneMemberReceivesNothing) {
  store_.Put(kRoom, {"ann"});
  Listen(kRoom, "ann");
  EXPECT_EQ(Broadcast("ann"), Users());
  EXPECT_EQ(TakeDelivered(0), 0u);
}

TEST(KnownMembersTest, TheIndexReflectsEveryChange) {
  MemberIndex index;
  {
    KnownMembers room(index, kRoom), other(index, kOther);
    room = std::vector<UserId>{"ann", "bob"};
    other.push_back("ann");
    EXPECT_EQ(index.ConversationsOf("ann").size(), 2u);
    room.erase("ann");
    room.erase("nobody");
    ASSERT_EQ(index.ConversationsOf("ann").size(), 1u);
    EXPECT_EQ(index.ConversationsOf("ann")[0], kOther);
    room = std::vector<UserId>{"cho"};
    EXPECT_TRUE(index.ConversationsOf("bob").empty());
    EXPECT_EQ(index.ConversationsOf("cho").size(), 1u);
    other.clear();
    EXPECT_TRUE(index.ConversationsOf("ann").empty());
  }
  EXPECT_EQ(index.users(), 0u);
}

TEST(KnownMembersTest, AListThatWasSharedDoesNotChange) {
  MemberIndex index;
  KnownMembers room(index, kRoom);
  const SharedUsers none = room.Share();
  room = Users{"ann", "bob"};
  const SharedUsers two = room.Share();
  room.push_back("cho");
  const SharedUsers three = room.Share();
  room.erase("ann");
  const SharedUsers again = room.Share();
  room.clear();
  EXPECT_EQ(*none, Users());
  EXPECT_EQ(*two, (Users{"ann", "bob"}));
  EXPECT_EQ(*three, (Users{"ann", "bob", "cho"}));
  EXPECT_EQ(*again, (Users{"bob", "cho"}));
  EXPECT_EQ(room.users(), Users());
}

}  // namespace
}  // namespace parley

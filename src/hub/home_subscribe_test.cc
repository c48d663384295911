// The store reads of a subscription. Access is tested in home_test.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "hub/home.h"
#include "test/support/model_store.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using test::ModelStore;
using test::StepExecutor;

class HomeSubscribeTest : public testing::Test, protected HomeSink {
 protected:
  void Deliver(unsigned, std::vector<EventRef>) override {}

  void Rest() {
    while (!store_.idle() || !executor_.idle()) {
      store_.Run();
      executor_.Run();
    }
  }
  static Uuid RoomAt(size_t i) { return Uuid{{0x11, static_cast<uint8_t>(i), 7}}; }
  void Subscribe(const Uuid& room, const UserId& user, std::optional<int64_t> member_at = {}) {
    home_.Subscribe(
        room, user, false, 0, [this](Result<Subscription> given) { answers_.push_back(given); },
        member_at);
  }
  size_t SubscribedCount() const {
    return static_cast<size_t>(
        std::ranges::count_if(answers_, [](const auto& answer) { return answer.has_value(); }));
  }

  StepExecutor executor_;
  ModelStore store_;
  HubCounters counters_;
  Home home_{executor_, store_, *this, counters_, {.shards = 1, .live_participants = 3}};
  std::vector<Result<Subscription>> answers_;
};

TEST_F(HomeSubscribeTest, BatchedSubscriptionsAreLoadedInOneRead) {
  for (size_t i = 0; i < 100; ++i) store_.Put(RoomAt(i), {"ann", "bob"}, 2);
  home_.BatchLoads([&] {
    for (size_t i = 0; i < 100; ++i) Subscribe(RoomAt(i), "ann", 2);
  });
  Rest();
  EXPECT_EQ(SubscribedCount(), 100u);
  EXPECT_EQ(store_.calls(), 1u);
  for (const auto& answer : answers_) EXPECT_EQ(answer->head, 2);
}

TEST_F(HomeSubscribeTest, LoadsBeyondTheConcurrencyLimitAreBatched) {
  for (size_t i = 0; i < 102; ++i) store_.Put(RoomAt(i), {"ann"});
  for (size_t i = 0; i < 102; ++i) Subscribe(RoomAt(i), "ann");
  EXPECT_EQ(store_.calls(), 2u) << "two at once, the others wait for one of them";
  Rest();
  EXPECT_EQ(SubscribedCount(), 102u);
  EXPECT_EQ(store_.calls(), 3u);
}

TEST_F(HomeSubscribeTest, ACachedConversationIsNotRead) {
  store_.Put(RoomAt(0), {"ann", "bob"});
  Subscribe(RoomAt(0), "ann");
  Rest();
  const uint64_t before = store_.calls();
  Subscribe(RoomAt(0), "bob");
  EXPECT_EQ(SubscribedCount(), 2u);
  EXPECT_EQ(store_.calls(), before);
}

TEST_F(HomeSubscribeTest, AListedMemberOfALargeConversationIsNotQueried) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Subscribe(RoomAt(0), "dan", 5);
  Rest();
  EXPECT_EQ(SubscribedCount(), 1u);
  EXPECT_EQ(store_.calls(), 1u) << "the head, and no membership";
  Subscribe(RoomAt(0), "cho");
  Rest();
  EXPECT_EQ(store_.calls(), 2u) << "without a list it is asked for";
}

TEST_F(HomeSubscribeTest, AListedMembershipStaysValidAfterMessages) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Subscribe(RoomAt(0), "dan", 5);
  Rest();
  const uint64_t before = store_.calls();
  home_.Send({.id = Uuid{{0x77}}, .conversation_id = RoomAt(0), .sender_id = "ann", .content = "x"},
             [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
  Rest();
  Subscribe(RoomAt(0), "cho", 5);
  Rest();
  EXPECT_EQ(SubscribedCount(), 2u);
  EXPECT_EQ(store_.calls(), before + 1) << "the send";
}

TEST_F(HomeSubscribeTest, AnOutdatedListDoesNotProveMembership) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Subscribe(RoomAt(0), "eve", 4);  // removed at 5
  Rest();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
  Subscribe(RoomAt(0), "dan", 4);
  Rest();
  EXPECT_EQ(SubscribedCount(), 1u) << "the store says that they are in it";
}

TEST_F(HomeSubscribeTest, CachedMembersOverrideTheList) {
  store_.Put(RoomAt(0), {"ann", "bob"}, 5);
  Subscribe(RoomAt(0), "eve", 5);
  Rest();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
}

TEST_F(HomeSubscribeTest, AFailedLoadFailsItsSubscriptionsAndTheNextOnesLoadAgain) {
  for (size_t i = 0; i < 10; ++i) store_.Put(RoomAt(i), {"ann"});
  const auto subscribe_all = [&] {
    home_.BatchLoads([&] {
      for (size_t i = 0; i < 10; ++i) Subscribe(RoomAt(i), "ann");
    });
    Rest();
  };
  store_.faults.unavailable_one_in = 1;
  subscribe_all();
  ASSERT_EQ(answers_.size(), 10u);
  for (const auto& answer : answers_) {
    EXPECT_EQ(answer.error().code, ErrorCode::store_unavailable);
  }
  store_.faults.unavailable_one_in = 0;
  subscribe_all();
  EXPECT_EQ(SubscribedCount(), 10u);
}

TEST_F(HomeSubscribeTest, AMissingConversationDoesNotFailTheOthers) {
  store_.Put(RoomAt(0), {"ann"});
  home_.BatchLoads([&] {
    Subscribe(RoomAt(9), "ann");
    Subscribe(RoomAt(0), "ann");
  });
  Rest();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
  EXPECT_TRUE(answers_[1]);
}

}  // namespace
}  // namespace parley

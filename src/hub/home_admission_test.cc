// What home asks of the store before it lets listeners in, and how often. Who is let in: home_test.
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

class HomeAdmissionTest : public testing::Test, protected HomeOutlet {
 protected:
  void Deliver(unsigned, std::vector<EventRef>) override {}

  void Rest() {
    while (!store_.idle() || !executor_.idle()) {
      store_.Run();
      executor_.Run();
    }
  }
  static Uuid RoomAt(size_t i) { return Uuid{{0x11, static_cast<uint8_t>(i), 7}}; }
  void Admit(const Uuid& room, const UserId& user, std::optional<int64_t> member_at = {}) {
    home_.Admit(
        room, user, false, 0, [this](Result<Admission> given) { answers_.push_back(given); },
        member_at);
  }
  size_t Admitted() const {
    return static_cast<size_t>(
        std::ranges::count_if(answers_, [](const auto& answer) { return answer.has_value(); }));
  }

  StepExecutor executor_;
  ModelStore store_;
  HubCounters counters_;
  Home home_{executor_, store_, *this, counters_, {.shards = 1, .live_participants = 3}};
  std::vector<Result<Admission>> answers_;
};

TEST_F(HomeAdmissionTest, ConversationsAdmittedTogetherAreLoadedInOneRead) {
  for (size_t i = 0; i < 100; ++i) store_.Put(RoomAt(i), {"ann", "bob"}, 2);
  home_.Together([&] {
    for (size_t i = 0; i < 100; ++i) Admit(RoomAt(i), "ann", 2);
  });
  Rest();
  EXPECT_EQ(Admitted(), 100u);
  EXPECT_EQ(store_.calls(), 1u);
  for (const auto& answer : answers_) EXPECT_EQ(answer->head, 2);
}

TEST_F(HomeAdmissionTest, LoadsThatComeWhileOthersAreUnderWayGather) {
  for (size_t i = 0; i < 102; ++i) store_.Put(RoomAt(i), {"ann"});
  for (size_t i = 0; i < 102; ++i) Admit(RoomAt(i), "ann");
  EXPECT_EQ(store_.calls(), 2u) << "two at once, the others wait for one of them";
  Rest();
  EXPECT_EQ(Admitted(), 102u);
  EXPECT_EQ(store_.calls(), 3u);
}

TEST_F(HomeAdmissionTest, AConversationInMemoryNeedsNoRead) {
  store_.Put(RoomAt(0), {"ann", "bob"});
  Admit(RoomAt(0), "ann");
  Rest();
  const uint64_t before = store_.calls();
  Admit(RoomAt(0), "bob");
  EXPECT_EQ(Admitted(), 2u);
  EXPECT_EQ(store_.calls(), before);
}

TEST_F(HomeAdmissionTest, AListedMemberOfALargeConversationIsNotAskedFor) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Admit(RoomAt(0), "dan", 5);
  Rest();
  EXPECT_EQ(Admitted(), 1u);
  EXPECT_EQ(store_.calls(), 1u) << "the head, and no membership";
  Admit(RoomAt(0), "cho");
  Rest();
  EXPECT_EQ(store_.calls(), 2u) << "without a list it is asked for";
}

TEST_F(HomeAdmissionTest, AListedMembershipOutlivesMessages) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Admit(RoomAt(0), "dan", 5);
  Rest();
  const uint64_t before = store_.calls();
  home_.Send({.id = Uuid{{0x77}}, .conversation_id = RoomAt(0), .sender_id = "ann", .content = "x"},
             [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
  Rest();
  Admit(RoomAt(0), "cho", 5);
  Rest();
  EXPECT_EQ(Admitted(), 2u);
  EXPECT_EQ(store_.calls(), before + 1) << "the send";
}

TEST_F(HomeAdmissionTest, AListThatIsOlderThanWhatWasLoadedProvesNothing) {
  store_.Put(RoomAt(0), {"ann", "bob", "cho", "dan"}, 5);
  Admit(RoomAt(0), "eve", 4);  // removed at 5
  Rest();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
  Admit(RoomAt(0), "dan", 4);
  Rest();
  EXPECT_EQ(Admitted(), 1u) << "the store says that they are in it";
}

TEST_F(HomeAdmissionTest, InASmallConversationTheMembersDecideWhateverTheListSays) {
  store_.Put(RoomAt(0), {"ann", "bob"}, 5);
  Admit(RoomAt(0), "eve", 5);
  Rest();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
}

TEST_F(HomeAdmissionTest, AFailedReadFailsTheAdmissionsOfItAndTheNextOnesReadAgain) {
  for (size_t i = 0; i < 10; ++i) store_.Put(RoomAt(i), {"ann"});
  const auto admit_all = [&] {
    home_.Together([&] {
      for (size_t i = 0; i < 10; ++i) Admit(RoomAt(i), "ann");
    });
    Rest();
  };
  store_.faults.unavailable_one_in = 1;
  admit_all();
  ASSERT_EQ(answers_.size(), 10u);
  for (const auto& answer : answers_) {
    EXPECT_EQ(answer.error().code, ErrorCode::store_unavailable);
  }
  store_.faults.unavailable_one_in = 0;
  admit_all();
  EXPECT_EQ(Admitted(), 10u);
}

TEST_F(HomeAdmissionTest, OneThatIsNotThereSpoilsNoOther) {
  store_.Put(RoomAt(0), {"ann"});
  home_.Together([&] {
    Admit(RoomAt(9), "ann");
    Admit(RoomAt(0), "ann");
  });
  Rest();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::not_participant);
  EXPECT_TRUE(answers_[1]);
}

}  // namespace
}  // namespace parley

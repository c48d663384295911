// What survives a close, a kill, a second open and a clock that goes back.
#include <stdexcept>
#include <utility>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

// Proves: store identity, store_mismatch
TEST_P(StoreContract, TheStoreIdentityIsCreatedOnceWithTheStore) {
  const Uuid identity = store_->Identity();
  EXPECT_FALSE(identity.IsNil());
  Reopen();
  EXPECT_EQ(store_->Identity(), identity);
  const ScratchDirectory elsewhere;
  EXPECT_NE(GetParam().open(elsewhere.path(), clock_)->Identity(), identity);
}

TEST_P(StoreContract, AckedWritesSurviveReopening) {
  const Uuid room = Room({"ann", "bob"});
  const auto acked = InsertMany(room, "ann", 500);
  Reopen();
  ASSERT_EQ(StoredSeqs(room), OneTo(500));
  for (const StoredMessage& stored : {acked.front(), acked.back()}) {
    EXPECT_EQ(Read(stored.message.id, "bob")->content, stored.message.content);
  }
  EXPECT_EQ(Head(room)->participants, (std::vector<UserId>{"ann", "bob"}));
  EXPECT_EQ(Insert(Text(room, "bob"))->message.seq, 501);
}

TEST_P(StoreContract, ASecondOpenOfTheSameStoreIsRejected) {
  if (GetParam().shared) GTEST_SKIP() << "several nodes share this store";
  const Uuid room = Room({"ann"});
  EXPECT_THROW(GetParam().open(directory_.path(), clock_), std::runtime_error);
  EXPECT_TRUE(Insert(Text(room, "ann"))) << "the first store is not affected";
  Reopen();
  EXPECT_TRUE(Insert(Text(room, "ann")));
}

// Proves: P1 durable
TEST_P(StoreContract, TheFilesOfAKilledProcessHaveEveryAckedMessage) {
  if (!GetParam().take_remains) GTEST_SKIP() << "a test cannot copy the files of this engine";
  const Uuid room = Room({"ann"});
  int64_t acked = 0;
  for (const int count : {1, 40, 700}) {
    acked = InsertMany(room, "ann", count).back().message.seq;
    const ScratchDirectory remains;
    GetParam().take_remains(directory_.path(), remains.path());
    std::unique_ptr<Store> live = std::exchange(store_, GetParam().open(remains.path(), clock_));
    EXPECT_EQ(store_->Identity(), live->Identity());
    EXPECT_EQ(StoredSeqs(room), OneTo(acked));
    EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, acked + 1);
    store_ = std::move(live);
  }
}

// --- a clock that goes back

TEST_P(StoreContract, TimesKeepTheirOrderWhenTheClockGoesBack) {
  const Uuid room = Room({"ann"});
  const auto first = Insert(Text(room, "ann"));
  clock_.Advance(std::chrono::hours(-1));
  const auto second = Insert(Text(room, "ann"));
  EXPECT_GT(second->message.sent_at, first->message.sent_at);
}

TEST_P(StoreContract, ACursorOfHeadsMissesNothingWhenTheClockWentBackAcrossAReopening) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"});
  ASSERT_TRUE(Insert(Text(room, "bob")));
  const int64_t cursor = UserHeads("ann")->cursor;
  Close();
  clock_.Advance(std::chrono::hours(-1));
  Open();
  ASSERT_TRUE(Insert(Text(other, "bob")));
  const Uuid newest = Room({"ann"});
  const auto heads = UserHeads("ann", cursor);
  ASSERT_EQ(heads->heads.size(), 2u);
  EXPECT_EQ(heads->heads[0].conversation_id, newest);
  EXPECT_EQ(heads->heads[1].conversation_id, other);
  EXPECT_GT(heads->cursor, cursor);
  if (GetParam().shared) return;  // one node's clock must not affect the others' times
  EXPECT_EQ(IdsOf(*List("ann")), (std::vector<Uuid>{newest, other, room}));
}

}  // namespace
}  // namespace parley::test

#include "feature/receipts/unread_cache.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

class UnreadCacheTest : public testing::Test {
 protected:
  using Part = ConversationVersions::Part;

  static Uuid IdOf(size_t number) {
    Uuid id;
    id.bytes[0] = static_cast<uint8_t>(number);
    id.bytes[1] = static_cast<uint8_t>(number >> 8);
    return id;
  }
  void Add(const Uuid& conversation, const UserId& user, int64_t count) {
    cache_.Add(conversation, user, cache_.Now(conversation, user), count);
  }
  std::optional<int64_t> Find(const Uuid& conversation, const UserId& user) {
    return cache_.Find(conversation, user, cache_.Now(conversation, user));
  }
  template <class Id>
  void ChangeOf(const Id& id, Part part) {
    ConversationVersions::Change().Begin(&versions_, id, part);
  }

  const ConversationVersions versions_;
  InboxCacheCounters counters_;
  UnreadCache cache_{&versions_, counters_};
  const Uuid talk_ = IdOf(1);
};

TEST_F(UnreadCacheTest, ACountIsServedToItsUserForItsConversation) {
  Add(talk_, "ann", 3);
  EXPECT_EQ(Find(talk_, "ann"), 3);
  EXPECT_EQ(Find(talk_, "bob"), std::nullopt);
  EXPECT_EQ(Find(IdOf(2), "ann"), std::nullopt);
  EXPECT_EQ(counters_.from_memory.value(), 1u);
  EXPECT_EQ(counters_.from_store.value(), 2u);
}

TEST_F(UnreadCacheTest, AMessageInTheConversationEndsACount) {
  Add(talk_, "ann", 3);
  ChangeOf(talk_, Part::kMessages);
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
}

TEST_F(UnreadCacheTest, AReadMarkOfTheUserEndsACount) {
  Add(talk_, "ann", 3);
  Add(talk_, "bob", 4);
  ChangeOf(UserId("ann"), Part::kMessages);
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
  EXPECT_EQ(Find(talk_, "bob"), 4);
}

TEST_F(UnreadCacheTest, ARemovalFromTheConversationEndsACount) {
  Add(talk_, "ann", 3);
  ChangeOf(talk_, Part::kMessagesAndMembers);
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
}

TEST_F(UnreadCacheTest, NothingIsServedOrKeptDuringAChange) {
  Add(talk_, "ann", 3);
  ConversationVersions::Change change;
  change.Begin(&versions_, talk_, Part::kMessages);
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
  Add(talk_, "ann", 4);
  change.End();
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
}

TEST_F(UnreadCacheTest, ACountThatWasReadBeforeAChangeIsNotServedAfterIt) {
  const auto before = cache_.Now(talk_, "ann");
  ChangeOf(talk_, Part::kMessages);
  cache_.Add(talk_, "ann", before, 3);
  EXPECT_EQ(Find(talk_, "ann"), std::nullopt);
}

TEST_F(UnreadCacheTest, TheLeastRecentlyUsedCountIsEvictedAtTheBound) {
  for (size_t i = 0; i < 5'000; ++i) {
    Add(IdOf(i), "ann", 1);
    Find(IdOf(0), "ann");
  }
  EXPECT_LE(counters_.bytes.value(), static_cast<int64_t>(UnreadCache::kMaxBytes));
  EXPECT_EQ(Find(IdOf(0), "ann"), 1) << "it is used";
  EXPECT_EQ(Find(IdOf(1), "ann"), std::nullopt);
  EXPECT_EQ(Find(IdOf(4'999), "ann"), 1);
}

TEST_F(UnreadCacheTest, NothingIsKeptWithOtherWriters) {
  UnreadCache other(nullptr, counters_);
  other.Add(talk_, "ann", other.Now(talk_, "ann"), 3);
  EXPECT_EQ(other.Find(talk_, "ann", other.Now(talk_, "ann")), std::nullopt);
  EXPECT_EQ(counters_.bytes.value(), 0);
}

}  // namespace
}  // namespace parley

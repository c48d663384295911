#include "hub/trace_log.h"

#include <gtest/gtest.h>

#include "test/support/rooms.h"

namespace parley {
namespace {

using test::kRoom, test::kOther;

TraceEntry EntryOf(const Uuid& room, int64_t first, int64_t last, int64_t at) {
  return {.conversation = room, .first_seq = first, .last_seq = last, .at = {at}};
}

class TraceLogTest : public testing::Test {
 protected:
  Gauge bytes_;
  TraceLog log_{2048, bytes_};
};

TEST_F(TraceLogTest, AMessageIsFoundByConversationAndSeqAndInPages) {
  log_.Add(EntryOf(kRoom, 5, 5, 100));
  log_.Add(EntryOf(kOther, 5, 5, 101));
  log_.Add(EntryOf(kRoom, 6, 6, 102));
  log_.Add(EntryOf(kRoom, 3, 9, 103));
  const auto found = log_.Find(kRoom, 5);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].at, Timestamp{100});
  EXPECT_EQ(found[1].at, Timestamp{103});
  EXPECT_TRUE(log_.Find(kRoom, 10).empty());
  EXPECT_EQ(log_.overwritten_until(), Timestamp{});
}

TEST_F(TraceLogTest, TheOldestEntriesAreOverwrittenInBoundedMemory) {
  for (int64_t i = 1; i <= 5'000; ++i) log_.Add(EntryOf(kRoom, i, i, i));
  EXPECT_EQ(bytes_.value(), static_cast<int64_t>(2048 * sizeof(TraceEntry)));
  EXPECT_TRUE(log_.Find(kRoom, 5'000 - 2048).empty());
  EXPECT_EQ(log_.Find(kRoom, 5'000 - 2047).size(), 1u);
  EXPECT_EQ(log_.Find(kRoom, 5'000).size(), 1u);
  EXPECT_EQ(log_.overwritten_until(), Timestamp{5'000 - 2047});
}

TEST_F(TraceLogTest, ExactlyFullKeepsEveryEntry) {
  for (int64_t i = 1; i <= 2'048; ++i) log_.Add(EntryOf(kRoom, i, i, i));
  EXPECT_EQ(log_.Find(kRoom, 1).size(), 1u);
  EXPECT_EQ(log_.Find(kRoom, 2'048).size(), 1u);
  EXPECT_EQ(log_.overwritten_until(), Timestamp{});
}

TEST_F(TraceLogTest, MemoryIsAllocatedWithUse) {
  EXPECT_EQ(bytes_.value(), 0);
  log_.Add(EntryOf(kRoom, 1, 1, 1));
  EXPECT_EQ(bytes_.value(), static_cast<int64_t>(1024 * sizeof(TraceEntry)));
}

}  // namespace
}  // namespace parley

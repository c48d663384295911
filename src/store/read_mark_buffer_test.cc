#include "store/read_mark_buffer.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Noted = ReadMarkBuffer::Noted;

constexpr Monotonic kNow{std::chrono::seconds(1000)};

ReadMarkAt Mark(const UserId& user, int64_t seq, uint8_t conversation = 1) {
  ReadMarkAt mark{.user = user, .seq = seq, .at = {seq}};
  mark.conversation.bytes[0] = conversation;
  return mark;
}

int64_t SeqOf(const ReadMarkBuffer& buffer, const UserId& user, uint8_t conversation = 1) {
  const auto found = buffer.Find(Mark(user, 0, conversation).conversation, user);
  return found ? found->seq : 0;
}

TEST(ReadMarkBufferTest, AMarkIsReadableAtOnceAndOnlyMovesForward) {
  ReadMarkBuffer buffer;
  EXPECT_EQ(buffer.Note(Mark("ann", 5), kNow), Noted::kFirst);
  EXPECT_EQ(buffer.Note(Mark("ann", 3), kNow), Noted::kAdded);
  EXPECT_EQ(SeqOf(buffer, "ann"), 5);
  EXPECT_EQ(SeqOf(buffer, "bob"), 0);
  EXPECT_EQ(SeqOf(buffer, "ann", 2), 0);
  EXPECT_EQ(buffer.Note(Mark("ann", 7, 2), kNow), Noted::kAdded);
  EXPECT_EQ(buffer.Of("ann").size(), 2u);
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].seq, 5) << "in the order of their rows";
  EXPECT_EQ(taken[1].seq, 7);
}

TEST(ReadMarkBufferTest, AWrittenMarkStaysReadableForReadersWithAnOlderSnapshot) {
  ReadMarkBuffer buffer;
  buffer.Note(Mark("ann", 5), kNow);
  ASSERT_EQ(buffer.Take(10).size(), 1u);
  buffer.Settle(true, kNow);
  EXPECT_EQ(buffer.queued(), 0u);
  EXPECT_EQ(SeqOf(buffer, "ann"), 5);
  buffer.Note(Mark("bob", 1), kNow + ReadMarkBuffer::kReadable);
  EXPECT_EQ(SeqOf(buffer, "ann"), 0);
  EXPECT_EQ(SeqOf(buffer, "bob"), 1);
}

TEST(ReadMarkBufferTest, AMarkThatMovesWhileItIsWrittenIsWrittenAgain) {
  ReadMarkBuffer buffer;
  buffer.Note(Mark("ann", 5), kNow);
  ASSERT_EQ(buffer.Take(10).size(), 1u);
  EXPECT_EQ(buffer.Note(Mark("ann", 6), kNow), Noted::kFirst);
  buffer.Settle(true, kNow);
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].seq, 6);
}

TEST(ReadMarkBufferTest, UnwrittenMarksAreTakenAgainAfterOtherMarks) {
  ReadMarkBuffer buffer;
  for (const char* user : {"ann", "bob", "cho"}) buffer.Note(Mark(user, 1), kNow);
  ASSERT_EQ(buffer.Take(1)[0].user, "ann");
  buffer.Settle(false, kNow);
  EXPECT_EQ(buffer.Take(1)[0].user, "bob");
  buffer.Settle(true, kNow);
  EXPECT_EQ(buffer.Take(1)[0].user, "cho");
  buffer.Settle(true, kNow);
  EXPECT_EQ(buffer.Take(1)[0].user, "ann");
}

TEST(ReadMarkBufferTest, AMarkWithALockedRowIsRetriedAlone) {
  ReadMarkBuffer buffer;
  for (const char* user : {"ann", "bob"}) buffer.Note(Mark(user, 1), kNow);
  ASSERT_EQ(buffer.Take(10).size(), 2u);
  buffer.Keep(Mark("bob", 1).conversation, "bob");
  EXPECT_TRUE(buffer.Settle(true, kNow)) << "the kept mark needs another write";
  const auto taken = buffer.Take(10);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].user, "bob");
  EXPECT_FALSE(buffer.Settle(true, kNow));
  EXPECT_EQ(buffer.queued(), 0u);
}

TEST(ReadMarkBufferTest, AFullBufferRejectsAndCountsNewMarks) {
  ReadMarkBuffer buffer;
  for (size_t i = 0; i < ReadMarkBuffer::kMaxMarks; ++i) {
    ASSERT_NE(buffer.Note(Mark("user-" + std::to_string(i), 1), kNow), Noted::kRefused);
  }
  EXPECT_EQ(buffer.Note(Mark("one more", 1), kNow), Noted::kRefused);
  EXPECT_EQ(buffer.Note(Mark("user-7", 2), kNow), Noted::kAdded) << "replaces the user's own entry";
  EXPECT_EQ(buffer.refused(), 1u);
  EXPECT_EQ(buffer.Take(10).size(), 10u);
  buffer.Settle(true, kNow);
  EXPECT_EQ(buffer.Note(Mark("one more", 1), kNow), Noted::kAdded) << "replaces a written entry";
}

TEST(ReadMarkBufferTest, AClosedBufferRejectsNewMarks) {
  ReadMarkBuffer buffer;
  buffer.Note(Mark("ann", 5), kNow);
  buffer.Close();
  EXPECT_EQ(buffer.Note(Mark("ann", 6), kNow), Noted::kRefused);
  EXPECT_EQ(buffer.Note(Mark("bob", 1), kNow), Noted::kRefused);
  ASSERT_EQ(buffer.Take(10).size(), 1u);
}

}  // namespace
}  // namespace parley

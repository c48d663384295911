#include "hub/tail.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/events.h"

namespace parley {
namespace {

EventRef EventOf(int64_t seq, size_t bytes = 10) {
  return std::make_shared<const Event>(Event{.seq = seq, .json = std::string(bytes, 'e')});
}

void Fill(Tail& tail, int64_t from, int64_t to, size_t bytes = 10) {
  for (int64_t seq = from; seq <= to; ++seq) tail.Push(EventOf(seq, bytes));
}

std::vector<int64_t> SeqsOf(const std::vector<EventRef>& events) {
  std::vector<int64_t> out;
  for (const EventRef& event : events) out.push_back(event->seq);
  return out;
}

TEST(TailTest, AnEmptyTailCoversNothing) {
  const Tail tail;
  EXPECT_FALSE(tail.Covers(0));
  EXPECT_EQ(tail.bytes(), 0u);
}

TEST(TailTest, CoversFromJustBeforeItsFirstEventToJustBeforeItsLast) {
  Tail tail;
  Fill(tail, 5, 8);
  EXPECT_FALSE(tail.Covers(3));
  EXPECT_TRUE(tail.Covers(4));
  EXPECT_TRUE(tail.Covers(7));
  EXPECT_FALSE(tail.Covers(8));
  EXPECT_FALSE(tail.Covers(9));
  EXPECT_EQ(SeqsOf(tail.After(4, 10, 1000)), (std::vector<int64_t>{5, 6, 7, 8}));
  EXPECT_EQ(SeqsOf(tail.After(6, 10, 1000)), (std::vector<int64_t>{7, 8}));
}

TEST(TailTest, AJumpInSeqClearsTheTail) {
  Tail tail;
  Fill(tail, 1, 3);
  tail.Push(EventOf(5));
  EXPECT_FALSE(tail.Covers(2));
  EXPECT_FALSE(tail.Covers(3));
  EXPECT_TRUE(tail.Covers(4));
  EXPECT_EQ(tail.bytes(), CostOf(*EventOf(5)));
}

TEST(TailTest, KeepsTheNewestEventsWithinItsCount) {
  Tail tail;
  Fill(tail, 1, 1000);
  const int64_t first = 1000 - static_cast<int64_t>(Tail::kMaxEvents) + 1;
  EXPECT_TRUE(tail.Covers(first - 1));
  EXPECT_FALSE(tail.Covers(first - 2));
  EXPECT_EQ(tail.bytes(), Tail::kMaxEvents * CostOf(*EventOf(1)));
  EXPECT_EQ(SeqsOf(tail.After(998, 10, 1000)), (std::vector<int64_t>{999, 1000}));
}

TEST(TailTest, KeepsTheNewestEventsWithinItsBytes) {
  Tail tail;
  Fill(tail, 1, 300, 32 * 1024);
  EXPECT_LE(tail.bytes(), Tail::kMaxBytes);
  const auto kept = static_cast<int64_t>(Tail::kMaxBytes / CostOf(*EventOf(1, 32 * 1024)));
  EXPECT_GE(kept, 5);
  EXPECT_TRUE(tail.Covers(300 - kept));
  EXPECT_FALSE(tail.Covers(300 - kept - 1));
}

TEST(TailTest, AnEventLargerThanTheLimitIsKeptAlone) {
  Tail tail;
  Fill(tail, 1, 3);
  tail.Push(EventOf(4, 2 * Tail::kMaxBytes));
  EXPECT_TRUE(tail.Covers(3));
  EXPECT_FALSE(tail.Covers(2));
  Fill(tail, 5, 5);
  EXPECT_EQ(tail.bytes(), CostOf(*EventOf(5)));
  EXPECT_FALSE(tail.Covers(3));
  EXPECT_TRUE(tail.Covers(4));
}

TEST(TailTest, AfterStopsAtEitherLimitButReturnsAtLeastOne) {
  Tail tail;
  Fill(tail, 1, 10, 100);
  EXPECT_EQ(SeqsOf(tail.After(0, 3, 10'000)), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(SeqsOf(tail.After(0, 10, 250)), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(SeqsOf(tail.After(4, 10, 1)), (std::vector<int64_t>{5}));
}

TEST(TailTest, AClearedTailIsEmptyAndReusable) {
  Tail tail;
  Fill(tail, 1, 100);
  tail.Clear();
  EXPECT_EQ(tail.bytes(), 0u);
  EXPECT_FALSE(tail.Covers(50));
  Fill(tail, 101, 102);
  EXPECT_TRUE(tail.Covers(100));
}

TEST(TailTest, HoldsComparesTheChange) {
  const auto message = [](int64_t seq, const char* content, Timestamp delivered = {}) {
    Message made{.id = Uuid{{7}}, .seq = seq, .content = content, .sent_at = {seq}};
    if (delivered.micros != 0) made.delivered_at = delivered;
    return MessageEvent(made);
  };
  Tail tail;
  EXPECT_FALSE(tail.Holds(*message(1, "one")));
  for (int64_t seq = 3; seq <= 5; ++seq) tail.Push(message(seq, "one"));
  EXPECT_TRUE(tail.Holds(*message(3, "one")));
  EXPECT_TRUE(tail.Holds(*message(5, "one")));
  EXPECT_TRUE(tail.Holds(*message(4, "one", {99}))) << "it was delivered since";
  EXPECT_FALSE(tail.Holds(*message(4, "other")));
  EXPECT_FALSE(tail.Holds(*message(2, "one")));
  EXPECT_FALSE(tail.Holds(*message(6, "one")));
}

TEST(TailTest, BytesIsTheSizeOfTheCachedEvents) {
  Tail tail;
  size_t last = 0;
  for (int64_t seq = 1; seq <= 700; ++seq) {
    tail.Push(EventOf(seq, 1 + static_cast<size_t>(seq) % 7 * 500));
    int64_t since = std::max<int64_t>(0, seq - 300);
    while (!tail.Covers(since)) ++since;
    size_t bytes = 0;
    for (const EventRef& event : tail.After(since, 1000, SIZE_MAX)) bytes += CostOf(*event);
    ASSERT_EQ(tail.bytes(), bytes) << seq;
    last = bytes;
  }
  EXPECT_GT(last, 0u);
}

}  // namespace
}  // namespace parley

#include "net/outbox.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "test/support/seeded_random.h"

namespace parley {
namespace {

// Returns the bytes of a write of everything queued.
std::string Gathered(const Outbox& outbox, size_t max_parts = 64) {
  std::vector<iovec> parts(max_parts);
  const size_t count = outbox.Gather(parts);
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    out.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return out;
}

TEST(OutboxTest, CountsBytesAndKeepsOrder) {
  Outbox outbox;
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(Gathered(outbox), "");
  outbox.Push(SharedBytes("one"));
  outbox.Push(SharedBytes("three"));
  EXPECT_FALSE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 8u);
  EXPECT_EQ(Gathered(outbox), "onethree");
}

TEST(OutboxTest, GathersAtMostAsManyPartsAsFitInAWrite) {
  Outbox outbox;
  for (int i = 0; i < 5; ++i) outbox.Push(SharedBytes("x"));
  EXPECT_EQ(Gathered(outbox, 2), "xx");
  EXPECT_EQ(Gathered(outbox, 1), "x");
}

TEST(OutboxTest, AWriteMayEndInsideAFrame) {
  Outbox outbox;
  outbox.Push(SharedBytes("abc"));
  outbox.Push(SharedBytes("def"));
  outbox.Consume(2);
  EXPECT_EQ(Gathered(outbox), "cdef");
  EXPECT_EQ(outbox.bytes(), 4u);
  outbox.Consume(1);
  EXPECT_EQ(Gathered(outbox), "def");
  outbox.Consume(3);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0u);
  outbox.Push(SharedBytes("again"));
  EXPECT_EQ(Gathered(outbox), "again");
}

TEST(OutboxTest, DroppingKeepsThePartiallyWrittenFrame) {
  Outbox outbox;
  outbox.Push(SharedBytes("abc"));
  outbox.Push(SharedBytes("def"));
  outbox.Consume(1);
  outbox.DropUnstarted();
  EXPECT_EQ(Gathered(outbox), "bc");
  EXPECT_EQ(outbox.bytes(), 2u);
  outbox.Push(SharedBytes("bye"));
  EXPECT_EQ(Gathered(outbox), "bcbye");
}

TEST(OutboxTest, DroppingRemovesAllUnwrittenFrames) {
  Outbox outbox;
  outbox.Push(SharedBytes("abc"));
  outbox.Push(SharedBytes("def"));
  outbox.Consume(3);
  outbox.DropUnstarted();
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0u);
  outbox.DropUnstarted();
  outbox.Push(SharedBytes("x"));
  EXPECT_EQ(Gathered(outbox), "x");
}

TEST(OutboxTest, DroppingKeepsWholeFramesThatContainUnwrittenBytes) {
  Outbox outbox;
  for (const char* frame : {"abc", "def", "ghi"}) outbox.Push(SharedBytes(frame));
  outbox.Consume(1);
  outbox.DropUnstarted(3);  // "bcd"
  EXPECT_EQ(Gathered(outbox), "bcdef");
  EXPECT_EQ(outbox.bytes(), 5u);
  outbox.DropUnstarted(2);
  EXPECT_EQ(Gathered(outbox), "bc");
  outbox.DropUnstarted(100);
  EXPECT_EQ(Gathered(outbox), "bc");
}

TEST(OutboxTest, PushedBytesAreWrittenOnceInOrder) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    test::SeededRandom random(seed);
    Outbox outbox;
    std::string in, out;
    size_t queued = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random.OneIn(2) || outbox.empty()) {
        const std::string frame(static_cast<size_t>(random.Between(1, 9)),
                                static_cast<char>('a' + random.Below(26)));
        in += frame;
        queued += frame.size();
        outbox.Push(SharedBytes(frame));
      } else {
        const std::string ready = Gathered(outbox, 1 + random.Below(8));
        const size_t written = 1 + random.Below(ready.size());
        out += ready.substr(0, written);
        queued -= written;
        outbox.Consume(written);
      }
      ASSERT_EQ(outbox.bytes(), queued) << "seed " << seed;
      ASSERT_EQ(outbox.empty(), queued == 0) << "seed " << seed;
    }
    out += Gathered(outbox, 4000);
    ASSERT_EQ(in, out) << "seed " << seed;
  }
}

}  // namespace
}  // namespace parley

#include "hub/subscription_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "test/support/seeded_random.h"
#include "test/support/silent_feed_sink.h"

namespace parley {
namespace {

class CountingSink final : public test::SilentFeedSink {
 public:
  SendStatus SendEvent(const Event& event) override {
    seqs.push_back(event.seq);
    return SendStatus::kQueued;
  }
  std::vector<int64_t> seqs;
};

const Uuid kOne{{1}}, kTwo{{2}};

EventRef MakeEvent(const Uuid& conversation, int64_t seq) {
  return std::make_shared<const Event>(
      Event{.conversation = conversation, .seq = seq, .json = "e"});
}

TEST(SubscriptionTableTest, ReportsTheFirstAndTheLastFeedOfAConversation) {
  SubscriptionTable table;
  CountingSink sink;
  Feed a(kOne, sink), b(kOne, sink), c(kTwo, sink);
  EXPECT_TRUE(table.Add(a));
  EXPECT_FALSE(table.Add(b));
  EXPECT_TRUE(table.Add(c));
  EXPECT_EQ(table.feed_count(), 3u);
  EXPECT_FALSE(table.Remove(a));
  EXPECT_TRUE(table.HasTopic(kOne));
  EXPECT_TRUE(table.Remove(b));
  EXPECT_FALSE(table.HasTopic(kOne));
  EXPECT_TRUE(table.HasTopic(kTwo));
  EXPECT_TRUE(table.Remove(c));
  EXPECT_EQ(table.feed_count(), 0u);
}

TEST(SubscriptionTableTest, AnEventGoesToEveryFeedOfItsConversationAndNoOther) {
  SubscriptionTable table;
  CountingSink first, second, other;
  Feed a(kOne, first), b(kOne, second), c(kTwo, other);
  for (Feed* feed : {&a, &b, &c}) {
    table.Add(*feed);
    feed->Start(0);
  }
  const std::vector<EventRef> events = {MakeEvent(kOne, 1), MakeEvent(kOne, 2)};
  table.Deliver(events);
  EXPECT_EQ(first.seqs, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(second.seqs, (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(other.seqs.empty());
  size_t count = 0;
  table.ForEach(kOne, [&](Feed&) { ++count; });
  EXPECT_EQ(count, 2u);
}

TEST(SubscriptionTableTest, EventsWithoutSubscribersAreIgnored) {
  SubscriptionTable table;
  const std::vector<EventRef> events = {MakeEvent(kOne, 1)};
  table.Deliver(events);
  table.ForEach(kOne, [](Feed&) { FAIL(); });
  EXPECT_EQ(table.Find({0, 0}), nullptr);
}

TEST(SubscriptionTableTest, TheIdOfARemovedFeedIsNotReused) {
  SubscriptionTable table;
  CountingSink sink;
  auto gone = std::make_unique<Feed>(kOne, sink);
  table.Add(*gone);
  const FeedId id = gone->id();
  EXPECT_EQ(table.Find(id), gone.get());
  table.Remove(*gone);
  gone.reset();
  EXPECT_EQ(table.Find(id), nullptr);
  Feed next(kOne, sink);
  table.Add(next);
  EXPECT_EQ(next.id().slot, id.slot);  // the place is used again
  EXPECT_EQ(table.Find(id), nullptr);
  EXPECT_EQ(table.Find(next.id()), &next);
  EXPECT_EQ(table.Find({next.id().slot + 1, 0}), nullptr);
}

TEST(SubscriptionTableTest, FeedsCanBeAddedAndRemovedInAnyOrder) {
  test::SeededRandom random(7);
  SubscriptionTable table;
  CountingSink sink;
  std::vector<std::unique_ptr<Feed>> feeds;
  int64_t seq = 0;
  for (int step = 0; step < 3000; ++step) {
    if (feeds.empty() || random.OneIn(2)) {
      feeds.push_back(std::make_unique<Feed>(kOne, sink));
      table.Add(*feeds.back());
      feeds.back()->HoldAt(seq);
      feeds.back()->Start(seq);
    } else {
      const size_t place = random.Below(feeds.size());
      ASSERT_EQ(table.Remove(*feeds[place]), feeds.size() == 1);
      feeds.erase(feeds.begin() + static_cast<std::ptrdiff_t>(place));
    }
    sink.seqs.clear();
    const std::vector<EventRef> events = {MakeEvent(kOne, ++seq)};
    table.Deliver(events);
    ASSERT_EQ(sink.seqs, std::vector<int64_t>(feeds.size(), seq));
    ASSERT_EQ(table.feed_count(), feeds.size());
    for (const auto& feed : feeds) ASSERT_EQ(table.Find(feed->id()), feed.get());
  }
}

}  // namespace
}  // namespace parley

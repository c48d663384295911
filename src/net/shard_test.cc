#include "net/shard.h"

#include <gtest/gtest.h>

#include <future>

namespace parley {
namespace {

TEST(ShardTest, TheInboxCountsTheBytesOfItsPosts) {
  SystemClock clock;
  Gauge connections;
  Shard shard(0, clock, connections);
  EXPECT_EQ(shard.inbox_bytes(), 0u);
  for (int i = 0; i < 15; ++i) shard.PostHolding([] {}, 1 << 20);
  EXPECT_FALSE(shard.Congested());
  shard.PostHolding([] {}, 2 << 20);
  EXPECT_TRUE(shard.Congested());
  EXPECT_GE(shard.inbox_bytes(), size_t{17} << 20);

  bool congested_while_running = false;
  std::promise<void> ran, later;
  shard.Post([&] {
    congested_while_running = shard.Congested();
    ran.set_value();
  });
  shard.Start();
  ran.get_future().wait();
  EXPECT_TRUE(congested_while_running) << "a running post still counts";
  shard.Post([&] { later.set_value(); });
  later.get_future().wait();
  EXPECT_FALSE(shard.Congested());
  shard.Stop();
  shard.Join();
}

TEST(ShardTest, TheInboxCountsSmallPosts) {
  SystemClock clock;
  Gauge connections;
  Shard shard(0, clock, connections);
  for (size_t i = 0; i <= Shard::kInboxBytes / sizeof(Callback); ++i) shard.Post([] {});
  EXPECT_TRUE(shard.Congested());
}

}  // namespace
}  // namespace parley

// The cache over a real Redis.
#include "cache/redis_cache.h"

#include <gtest/gtest.h>

#include <future>

#include "test/support/private_redis.h"

namespace parley {
namespace {

using namespace std::chrono_literals;

class RedisCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::PrivateRedis::Installed()) GTEST_SKIP() << "redis-server is not installed";
  }
  RedisCache::Options OptionsFor(const std::string& url) {
    return {.address = ParseRedisUrl(url).value(),
            .connect_timeout = 5s,
            .socket_timeout = 5s,
            .own_keys = "p:1:"};
  }
  static Result<RedisCache::Values> Get(RedisCache& cache, std::vector<RedisCache::Wanted> wanted) {
    std::promise<Result<RedisCache::Values>> answer;
    auto values = answer.get_future();
    cache.Get(wanted,
              [&](Result<RedisCache::Values> found) { answer.set_value(std::move(found)); });
    return values.get();
  }
  // Waits until a background write has happened.
  static std::optional<std::string> Written(RedisCache& cache, const std::string& key) {
    for (int i = 0; i < 1000; ++i) {
      const auto found = Get(cache, {{key, 100}});
      if (found && found->front()) return found->front();
      std::this_thread::sleep_for(5ms);
    }
    return std::nullopt;
  }

  SystemClock clock_;
  CacheCounters counters_;
};

TEST_F(RedisCacheTest, WrittenValuesAreReadInTheOrderOfTheKeys) {
  test::PrivateRedis redis;
  RedisCache cache(OptionsFor(redis.url()), clock_, counters_);
  cache.Set({{"p:1:a", "first", 60s}, {"p:1:b", std::string(1000, 'x'), 60s}});
  EXPECT_EQ(Written(cache, "p:1:a"), "first");
  const auto found = Get(cache, {{"p:1:b", 9}, {"p:1:none", 9}, {"p:1:a", 9}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at(0), std::string(10, 'x')) << "truncated: one byte more than the limit";
  EXPECT_EQ(found->at(1), std::nullopt);
  EXPECT_EQ(found->at(2), "first");
  EXPECT_FALSE(counters_.shared);
}

TEST_F(RedisCacheTest, EntriesExpire) {
  test::PrivateRedis redis;
  RedisCache cache(OptionsFor(redis.url()), clock_, counters_);
  cache.Set({{"p:1:a", "soon gone", 50ms}, {"p:1:b", "stays", 60s}});
  EXPECT_EQ(Written(cache, "p:1:b"), "stays");
  std::optional<std::string> value = "not read yet";
  for (int i = 0; i < 1000 && value; ++i) {
    value = Get(cache, {{"p:1:a", 100}})->front();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(value, std::nullopt);
}

TEST_F(RedisCacheTest, WithoutRedisRequestsFailAndThenAreNotSent) {
  RedisCache cache(OptionsFor("unix:///nonexistent/redis.sock"), clock_, counters_);
  EXPECT_FALSE(Get(cache, {{"p:1:a", 100}}));
  EXPECT_EQ(counters_.failures.value(), 1u);
  for (int i = 0; i < 20; ++i) {
    const auto found = Get(cache, {{"p:1:a", 100}});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::cache_unavailable);
  }
  EXPECT_EQ(counters_.failures.value(), 1u);
  EXPECT_EQ(counters_.paused.value(), 20u);
  EXPECT_FALSE(counters_.up);
}

TEST_F(RedisCacheTest, ConnectionsAreLimitedAndReused) {
  test::PrivateRedis redis;
  RedisCache::Options options = OptionsFor(redis.url());
  options.max_connections = 2;
  RedisCache cache(std::move(options), clock_, counters_);
  std::atomic<int> answered{0}, refused{0};
  for (int i = 0; i < 200; ++i) {
    cache.Get({{"p:1:a", 100}},
              [&](Result<RedisCache::Values> found) { found ? ++answered : ++refused; });
  }
  while (answered + refused < 200) std::this_thread::sleep_for(1ms);
  EXPECT_GE(answered, 2);
  EXPECT_EQ(static_cast<uint64_t>(refused), counters_.full.value() + counters_.slow.value());
  EXPECT_GT(refused, 0);
  EXPECT_LE(counters_.connections.value(), 2);
  EXPECT_EQ(counters_.failures.value() + counters_.timeouts.value(), 0u);
}

TEST_F(RedisCacheTest, RequestsAfterStopFailAtOnce) {
  test::PrivateRedis redis;
  RedisCache cache(OptionsFor(redis.url()), clock_, counters_);
  EXPECT_TRUE(Get(cache, {{"p:1:a", 100}}));
  cache.Stop();
  EXPECT_FALSE(Get(cache, {{"p:1:a", 100}}));
  cache.Set({{"p:1:a", "x", 1s}});
}

}  // namespace
}  // namespace parley

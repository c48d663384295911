#include "redis/redis_info.h"

#include <gtest/gtest.h>

#include "redis/redis_metrics.h"

namespace parley {
namespace {

using std::chrono::seconds;

constexpr std::string_view kReply =
    "# Clients\r\nconnected_clients:7\r\nmaxclients:10000\r\n# Memory\r\nused_memory:1048576\r\n"
    "used_memory_human:1.00M\r\nmaxmemory:2097152\r\nmaxmemory_human:2.00M\r\n"
    "# Stats\r\ntotal_commands_processed:42\r\nevicted_keys:3\r\n";

std::map<std::string, RedisInfo> At(const RedisInfoTable& table, Monotonic now) {
  std::map<std::string, RedisInfo> out;
  table.AddTo(out, now);
  return out;
}

TEST(RedisInfo, ReadsTheFieldsOfAReply) {
  const RedisInfo info = ParseRedisInfo(kReply);
  EXPECT_EQ(info.memory_bytes, 1'048'576);
  EXPECT_EQ(info.max_memory_bytes, 2'097'152);
  EXPECT_EQ(info.clients, 7);
  EXPECT_EQ(info.commands, 42);
  EXPECT_EQ(info.evicted_keys, 3);
}

TEST(RedisInfo, FieldsThatAreMissingOrNotNumbersHaveNoValue) {
  const RedisInfo info = ParseRedisInfo("# Clients\r\nconnected_clients:many\r\nused_memory:");
  EXPECT_EQ(info.clients, std::nullopt);
  EXPECT_EQ(info.memory_bytes, std::nullopt);
  EXPECT_EQ(info.commands, std::nullopt);
}

TEST(RedisInfoTable, FiguresExpireUnlessTheyAreRenewed) {
  RedisInfoTable table;
  const Monotonic start{};
  table.Set("a:1", {.clients = 1}, start);
  table.Set("b:2", {.clients = 2}, start + seconds(10));
  EXPECT_EQ(At(table, start + RedisInfoTable::kValidFor).size(), 2u);
  const auto later = At(table, start + RedisInfoTable::kValidFor + seconds(1));
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later.at("b:2").clients, 2);
  table.Remove("b:2");
  EXPECT_TRUE(At(table, start + seconds(11)).count("b:2") == 0);
}

TEST(RedisMetrics, AServerWithoutAFigureHasNoSampleOfIt) {
  MetricFamilies out;
  AddMetrics({{"a:1", {.memory_bytes = 5}}}, out);
  const std::string text = out.Text();
  EXPECT_NE(text.find("parley_redis_memory_bytes{host=\"a:1\"} 5"), std::string::npos) << text;
  EXPECT_EQ(text.find("parley_redis_clients{"), std::string::npos) << text;
}

}  // namespace
}  // namespace parley

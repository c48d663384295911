#include "redis/redis_metrics.h"

namespace parley {

void AddMetrics(const std::map<std::string, RedisInfo>& servers, MetricFamilies& out) {
  const auto values = [&](std::optional<int64_t> RedisInfo::* figure) {
    std::vector<MetricFamilies::Value> rows;
    for (const auto& [server, info] : servers) {
      if (const auto value = info.*figure) {
        rows.push_back({{{"host", server}}, static_cast<double>(*value)});
      }
    }
    return rows;
  };
  out.AddGauges("redis_memory_bytes", "Bytes of memory that a Redis server uses, by host.",
                values(&RedisInfo::memory_bytes));
  out.AddGauges("redis_max_memory_bytes",
                "Memory limit of a Redis server in bytes, by host; 0: no limit.",
                values(&RedisInfo::max_memory_bytes));
  out.AddGauges("redis_clients", "Client connections of a Redis server, by host.",
                values(&RedisInfo::clients));
  out.AddCounters("redis_commands_total",
                  "Commands that a Redis server has processed for all of its clients, by host.",
                  values(&RedisInfo::commands));
  out.AddCounters("redis_evicted_keys_total",
                  "Keys that a Redis server has evicted for lack of memory, by host.",
                  values(&RedisInfo::evicted_keys));
}

}  // namespace parley

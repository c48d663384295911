// What Redis servers report about themselves (INFO), for /metrics. A server's figures expire when nothing
// renews them, so that an unreachable server has none.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"

namespace parley {

// Fields that the reply lacks are nullopt.
struct RedisInfo {
  std::optional<int64_t> memory_bytes;      // used_memory
  std::optional<int64_t> max_memory_bytes;  // maxmemory; 0: no limit
  std::optional<int64_t> clients;           // connected_clients
  std::optional<int64_t> commands;          // total_commands_processed, since its start
  std::optional<int64_t> evicted_keys;      // since its start
};

// Parses a reply to INFO: lines `name:value`.
RedisInfo ParseRedisInfo(std::string_view reply);

// The latest figures of each server, by its address (RedisEndpoint::ToString, without credentials).
// Threads: any.
class RedisInfoTable {
 public:
  static constexpr std::chrono::seconds kAskEvery{10};
  // A poll that is delayed by its deadline of 5 s still renews the figures in time.
  static constexpr std::chrono::seconds kValidFor{25};

  void Set(const std::string& server, const RedisInfo& info, Monotonic now);
  // The connection to the server has failed.
  void Remove(const std::string& server);
  // Adds the figures that are valid at `now`. If two tables have the same server, the first one's stay.
  void AddTo(std::map<std::string, RedisInfo>& out, Monotonic now) const;

 private:
  struct Entry {
    RedisInfo info;
    Monotonic since;
  };
  mutable Mutex mutex_;
  std::map<std::string, Entry> servers_ GUARDED_BY(mutex_);
};

}  // namespace parley

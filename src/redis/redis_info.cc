#include "redis/redis_info.h"

#include <charconv>

namespace parley {
namespace {

std::optional<int64_t> FieldOf(std::string_view reply, std::string_view line_start) {
  const size_t at = reply.find(line_start);
  if (at == std::string_view::npos) return std::nullopt;
  int64_t number = 0;
  const char* const begin = reply.data() + at + line_start.size();
  const auto parsed = std::from_chars(begin, reply.data() + reply.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

RedisInfo ParseRedisInfo(std::string_view reply) {
  return {.memory_bytes = FieldOf(reply, "\nused_memory:"),
          .max_memory_bytes = FieldOf(reply, "\nmaxmemory:"),
          .clients = FieldOf(reply, "\nconnected_clients:"),
          .commands = FieldOf(reply, "\ntotal_commands_processed:"),
          .evicted_keys = FieldOf(reply, "\nevicted_keys:")};
}

void RedisInfoTable::Set(const std::string& server, const RedisInfo& info, Monotonic now) {
  const MutexLock lock(mutex_);
  // Sentinels can lead to many servers over time.
  std::erase_if(servers_, [&](const auto& entry) { return now - entry.second.since > kValidFor; });
  servers_[server] = {.info = info, .since = now};
}

void RedisInfoTable::Remove(const std::string& server) {
  const MutexLock lock(mutex_);
  servers_.erase(server);
}

void RedisInfoTable::AddTo(std::map<std::string, RedisInfo>& out, Monotonic now) const {
  const MutexLock lock(mutex_);
  for (const auto& [server, entry] : servers_) {
    if (now - entry.since <= kValidFor) out.emplace(server, entry.info);
  }
}

}  // namespace parley

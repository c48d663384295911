// Redis: reachable, a master, recent, fast, with memory to spare, and without the keys of others.
#include <fmt/format.h>

#include <cstdlib>
#include <set>

#include "app/doctor/measure.h"
#include "app/doctor/probe.h"
#include "app/doctor/redis_session.h"
#include "cache/django_codec.h"
#include "config/channel_layer_entry.h"

namespace parley::doctor {
namespace {

constexpr Millis kCall{3'000};
constexpr double kSlowPingMillis = 10;
constexpr int kScans = 10;  // of 100 keys each

// Returns the value of `key` in a reply to INFO.
std::string InfoOf(const std::string& info, const std::string& key) {
  const size_t at = info.find("\n" + key + ":");
  if (at == info.npos) return "";
  const size_t from = at + key.size() + 2;
  return info.substr(from, info.find_first_of("\r\n", from) - from);
}

uint64_t NumberOf(const std::string& info, const std::string& key) {
  return std::strtoull(InfoOf(info, key).c_str(), nullptr, 10);
}

void CheckVersion(RedisSession& redis, Report& report) {
  const std::string version = InfoOf(redis.Text({"INFO", "server"}), "redis_version");
  report.Note("Redis " + version);
  if (std::atoi(version.c_str()) < 6) {
    report.Add(Code::redis_too_old, "the server is version " + version);
  }
}

void CheckLatency(RedisSession& redis, Report& report) {
  const double millis = MedianMillis(20, kCall, [&] { redis.Text({"PING"}); });
  if (millis > kSlowPingMillis) report.Add(Code::redis_slow, "a PING takes " + MillisText(millis));
  report.Note("a PING takes " + MillisText(millis));
}

void CheckMemory(RedisSession& redis, bool holds_keys, Report& report) {
  const std::string info = redis.Text({"INFO", "memory"});
  const uint64_t used = NumberOf(info, "used_memory"), most = NumberOf(info, "maxmemory");
  const std::string policy = InfoOf(info, "maxmemory_policy");
  const std::string text =
      fmt::format("{} KiB of {} used", used / 1024,
                  most == 0 ? "unlimited memory" : fmt::format("{} KiB", most / 1024));
  report.Note(text);
  if (most != 0 && used > most / 10 * 9) report.Add(Code::redis_memory_high, text);
  if (holds_keys && !policy.empty() && policy != "noeviction") {
    report.Add(Code::redis_evicts,
               "maxmemory-policy is " + policy +
                   (most == 0 ? ", which takes effect once maxmemory is set" : ""));
  }
}

// Looks at up to 1,000 keys, without waiting for all of them.
void CheckKeys(RedisSession& redis, const Config& config, Report& report) {
  const std::string& prefix = config.channel_layer.prefix;
  const std::string cache_keys = CacheKey(config.cache.key_prefix, "");
  std::string cursor = "0", example;
  int64_t foreign = 0, seen = 0;
  for (int i = 0; i < kScans; ++i) {
    const RedisReply reply = redis.Call({"SCAN", cursor, "COUNT", "100"});
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) return;
    cursor = TextOf(*reply->element[0]);
    const redisReply& keys = *reply->element[1];
    for (size_t k = 0; k < keys.elements; ++k) {
      const std::string_view key = TextOf(*keys.element[k]);
      ++seen;
      if (key.starts_with(prefix) || key.starts_with(cache_keys)) continue;
      ++foreign;
      if (example.empty()) example = key.substr(0, 12);
    }
    if (cursor == "0") break;
  }
  if (foreign == 0) return;
  for (char& c : example) {
    if (c < ' ' || c > '~') c = '?';
  }
  report.Add(Code::redis_shared,
             fmt::format("{} of {} keys do not begin with \"{}\", such as \"{}…\"", foreign, seen,
                         prefix, example));
}

bool SameDatabase(const RedisAddress& a, const RedisAddress& b) {
  const auto names = [](const RedisAddress& address) {
    std::set<std::string> out;
    for (const RedisEndpoint& endpoint : address.endpoints) out.insert(endpoint.ToString());
    return out;
  };
  return a.database == b.database && a.master == b.master && names(a) == names(b);
}

void CheckCache(const Config& config, const NamedRedis& named, Report& report) {
  const bool own = !config.cache.location.empty();
  const std::string& url = own ? config.cache.location : config.redis.url;
  if (!config.cache.enabled || url.empty()) return;
  const auto cache = ParseRedisUrl(url);
  if (!cache || !SameDatabase(*cache, named.address)) return;
  report.Add(Code::redis_shared,
             (own ? "cache.location is" : "without cache.location, the cache is in") +
                 std::string(" the database of ") + named.option);
}

void CheckOne(const Config& config, const NamedRedis& named, bool layer, Report& report) {
  try {
    RedisSession redis(named.address, kCall);
    CheckVersion(redis, report);
    CheckLatency(redis, report);
    CheckMemory(redis, layer, report);
    CheckKeys(redis, config, report);
    CheckCache(config, named, report);
  } catch (const RedisIsReplica& failure) {
    report.Add(Code::redis_replica, named.option + ": " + failure.what());
  } catch (const RedisFailure& failure) {
    const std::string what = failure.what();
    const bool refused = what.find(" refuses ") != what.npos;
    report.Add(refused ? Code::redis_refused : Code::redis_unreachable, named.option + ": " + what);
  }
}

}  // namespace

ProbeResult ProbeRedis(const ProbeInput& input) {
  const Config& config = input.config;
  Report report;
  std::vector<NamedRedis> all;
  if (!config.redis.url.empty()) {
    all.push_back({"redis.url", ParseRedisUrl(config.redis.url).value()});
  }
  const std::vector<std::string> hosts = ChannelLayerHosts(config.channel_layer.hosts);
  for (const std::string& host : hosts) {
    const RedisAddress address = ParseRedisUrl(host).value();
    if (!all.empty() && SameDatabase(all.front().address, address)) continue;
    all.push_back({"channel_layer.hosts", address});
  }
  if (all.empty()) return Skip("no redis.url is configured");
  for (size_t i = 0; i < all.size(); ++i) {
    const bool layer = config.channel_layer.django && (hosts.empty() || i > 0 || all.size() == 1);
    CheckOne(config, all[i], layer, report);
  }
  return report.Done();
}

}  // namespace parley::doctor

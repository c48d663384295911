// The nodes on the Redis of this configuration, as they announce themselves every 5 s. Only subscribes.
#include <fmt/format.h>

#include <map>
#include <set>

#include "app/doctor/probe.h"
#include "app/doctor/redis_session.h"
#include "bus/bus_message.h"
#include "bus/channels.h"

namespace parley::doctor {
namespace {

constexpr Millis kListen{8'000};

using Hellos = std::map<Uuid, BusHello>;

Hellos Listen(const RedisAddress& address) {
  RedisSession redis(address, Millis(3'000));
  redis.Call({"SUBSCRIBE", kNodesChannel});
  Hellos hellos;
  const auto end = std::chrono::steady_clock::now() + kListen;
  for (;;) {
    const auto left = std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now());
    if (left <= Millis(0)) break;
    const RedisReply reply = redis.Next(left);
    if (reply == nullptr) break;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) continue;
    const auto decoded = DecodeBus(TextOf(*reply->element[2]));
    if (!decoded) continue;
    if (const auto* hello = std::get_if<BusHello>(&decoded->message))
      hellos[decoded->node] = *hello;
  }
  return hellos;
}

std::string Switch(bool on) { return on ? "on" : "off"; }

}  // namespace

ProbeResult ProbeNodes(const ProbeInput& input) {
  const Config& config = input.config;
  if (config.redis.url.empty()) return Skip("no redis.url is configured");
  Hellos hellos;
  try {
    hellos = Listen(ParseRedisUrl(config.redis.url).value());
  } catch (const RedisFailure& failure) {
    return Skip(std::string("Redis cannot be used: ") + failure.what());
  }
  if (hellos.empty()) return Skip("no node announced itself within 8 s");
  Report report;
  std::set<Uuid> stores;
  std::string modes;
  bool differ = false;
  for (const auto& [node, hello] : hellos) {
    stores.insert(hello.store);
    differ |= hello.as_guide != config.compat.guide;
    modes += fmt::format("{}node {} {}", modes.empty() ? "" : ", ", node.ToString(),
                         Switch(hello.as_guide));
  }
  if (stores.size() > 1) {
    report.Add(Code::nodes_differ_store,
               fmt::format("{} nodes on one Redis use {} stores", hellos.size(), stores.size()));
  } else if (differ) {
    report.Add(Code::nodes_differ_compat, fmt::format("compat.guide: this configuration {}, {}",
                                                      Switch(config.compat.guide), modes));
  }
  report.Note(fmt::format("{} nodes announced themselves", hellos.size()));
  return report.Done();
}

}  // namespace parley::doctor

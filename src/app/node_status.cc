#include "app/node_status.h"

#include <unistd.h>

#include "protocol/json_writer.h"

namespace parley {
namespace {

std::string HostName() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

uint64_t CountOf(const Histogram& histogram) {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) count += histogram.count(bucket);
  return count;
}

int64_t Micros(double milliseconds) { return static_cast<int64_t>(milliseconds * 1000); }

}  // namespace

NodeStatus::NodeStatus(const Config& config, const Clock& clock, const StoreState& store,
                       const NodeHealth& health, const Gauge& connections,
                       const WsCounters& sockets, const HubCounters& hub, const BusCounters& bus)
    : config_(config),
      clock_(clock),
      store_(store),
      health_(health),
      connections_(connections),
      sockets_(sockets),
      hub_(hub),
      bus_(bus),
      started_at_(clock.Now()),
      started_(clock.Steady()),
      host_(HostName()) {}

double NodeStatus::Mean::Of(double sum_seconds, uint64_t count) {
  if (count > count_) {
    mean_ = (sum_seconds - sum_) * 1000 / static_cast<double>(count - count_);
    sum_ = sum_seconds;
    count_ = count;
  }
  return mean_;
}

std::string_view NodeStatus::BusState() const {
  if (health_.cluster == nullptr || !health_.cluster->has_bus()) return "off";
  return health_.cluster->publishes() ? "up" : "down";
}

std::string NodeStatus::Json() {
  const StoreStats store = store_.Stats();
  int64_t reads = 0;
  for (const ReadStats& read : store.reads) reads += static_cast<int64_t>(read.queued);
  double commit = 0, lag = 0;
  {
    const MutexLock lock(mutex_);
    commit = commit_.Of(store.commit_seconds, store.commits);
    lag = lag_.Of(bus_.lag.sum_seconds(), CountOf(bus_.lag));
  }
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Field("host", std::string_view(host_).substr(0, 64));
  json.Field("url", url_);
  json.Field("version", PARLEY_VERSION);
  const char* const reason = WhyNotReady(store_, health_);
  json.Field("state", reason == nullptr ? "ready" : reason);
  json.Field("started_at", started_at_);
  json.Field("uptime_s",
             std::chrono::duration_cast<std::chrono::seconds>(clock_.Steady() - started_).count());
  json.Field("connections", connections_.value());
  json.Field("websockets", sockets_.open.value());
  json.Field("conversations", hub_.rooms.value() - hub_.rooms_idle.value());
  json.Field("store", config_.database.url.empty() ? "sqlite" : "postgresql");
  json.Field("store_id", store_.Identity());
  json.Field("store_writes_queued", store.queued_writes);
  json.Field("store_reads_queued", reads);
  json.Field("store_pool_waits", store.reads_that_waited);
  json.Field("commit_us", Micros(commit));
  json.Field("redis", BusState());
  json.Field("bus_lag_us", Micros(lag));
  json.EndObject();
  return text;
}

}  // namespace parley

// Probes and metrics: /livez, /readyz, /metrics.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "auth/revocations.h"
#include "feature/services.h"
#include "http/http_protocol.h"
#include "http/rate_limiter.h"
#include "hub/cluster.h"
#include "session/ws_transport.h"

namespace parley {

// Counters of the whole node, which shards increment without locks.
struct NodeCounters {
  HubCounters hub;
  WsCounters ws;
  HttpCounters http;
  BusCounters bus;
  Gauge connections;
};

struct NodeHealth {
  std::atomic<bool> draining{false};
  NodeCounters counters;
  std::vector<const Shard*> shards;
  const Cluster* cluster = nullptr;  // null: a single node
  const RateLimiter* limiter = nullptr;
  const Revocations* revocations = nullptr;
};

// `open_metrics`: /metrics needs no token; otherwise it requires a service token.
void RegisterHealth(Router& routes, Store& store, const NodeHealth& health, bool open_metrics);

}  // namespace parley

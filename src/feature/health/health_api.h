// Probes, metrics and the status of all nodes: /livez, /readyz, /metrics, /status.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "feature/services.h"
#include "hub/cluster.h"

namespace parley {

struct NodeHealth {
  std::atomic<bool> draining{false};
  Cluster* cluster = nullptr;           // null: a single node
  MetricsSource metrics;                // every row of /metrics
  Uuid node;                            // unique per process
  std::function<std::string()> status;  // this node's JSON object in /status; threads: any
};

// The status that /readyz reports with 503; null if the node is ready. Threads: any.
const char* WhyNotReady(const StoreState& store, const NodeHealth& health);

// `open_metrics`: /metrics and /status need no token; otherwise they require a service token. Only `draining`
// of `health` may change while the node serves. `executor`: that of the shard.
void RegisterHealth(Router& routes, StoreState& store, Executor& executor, const NodeHealth& health,
                    bool open_metrics);

}  // namespace parley

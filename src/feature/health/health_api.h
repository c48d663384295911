// Probes and metrics: /livez, /readyz, /metrics.
#pragma once
#include <atomic>

#include "base/metric_families.h"
#include "feature/services.h"
#include "hub/cluster.h"

namespace parley {

struct NodeHealth {
  std::atomic<bool> draining{false};
  const Cluster* cluster = nullptr;  // null: a single node
  MetricsSource metrics;             // every row of /metrics
};

// The status that /readyz reports with 503; null if the node is ready. Threads: any.
const char* WhyNotReady(const StoreState& store, const NodeHealth& health);

// `open_metrics`: /metrics needs no token; otherwise it requires a service token. Only `draining` of
// `health` may change while the node serves.
void RegisterHealth(Router& routes, StoreState& store, const NodeHealth& health, bool open_metrics);

}  // namespace parley

// Metrics of conversations, delivery and catch-up. Threads: any.
#pragma once
#include "base/metric_families.h"
#include "hub/home.h"

namespace parley {

void AddMetrics(const HubCounters& counters, MetricFamilies& out);

}  // namespace parley

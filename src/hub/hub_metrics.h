// Rows of /metrics about conversations, delivery and catching up. Any thread.
#pragma once
#include "base/metric_families.h"
#include "hub/home.h"

namespace parley {

void AddMetrics(const HubCounters& counters, MetricFamilies& out);

}  // namespace parley

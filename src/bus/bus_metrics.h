// Rows of /metrics about the bus between nodes and its Redis. Any thread.
#pragma once
#include "base/metric_families.h"
#include "bus/bus.h"

namespace parley {

void AddMetrics(const BusCounters& counters, MetricFamilies& out);

}  // namespace parley

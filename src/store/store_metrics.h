// Rows of /metrics about the store. Any thread.
#pragma once
#include "base/metric_families.h"
#include "store/store_stats.h"

namespace parley {

void AddMetrics(const StoreStats& stats, MetricFamilies& out);

}  // namespace parley

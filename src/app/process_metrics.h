// Rows of /metrics about the process. Any thread.
#pragma once
#include "base/clock.h"
#include "base/metric_families.h"

namespace parley {

// `started`: when the process began to serve.
void AddProcessMetrics(Timestamp started, MetricFamilies& out);

}  // namespace parley

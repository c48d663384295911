// Rows of /metrics about the channel layer. Any thread.
#pragma once
#include "base/metric_families.h"
#include "django/channel_layer.h"

namespace parley::django {

void AddMetrics(const LayerCounters& counters, MetricFamilies& out);

}  // namespace parley::django

// The metrics of the channel layer and of its gateway.
#pragma once
#include "base/metric_families.h"
#include "feature/django/django_gateway.h"

namespace parley {

void AddMetrics(const DjangoCounters& counters, MetricFamilies& out);

}  // namespace parley

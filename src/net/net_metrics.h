// Rows of /metrics about connections and shards. Any thread.
#pragma once
#include <span>

#include "base/metric_families.h"
#include "net/shard.h"

namespace parley {

void AddMetrics(std::span<const Shard* const> shards, const Gauge& connections,
                uint64_t accept_pauses, MetricFamilies& out);

}  // namespace parley

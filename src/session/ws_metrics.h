// Rows of /metrics about WebSockets. Any thread.
#pragma once
#include "base/metric_families.h"
#include "session/ws_transport.h"

namespace parley {

// `bytes_written`: by the node's connections, all protocols.
void AddMetrics(const WsCounters& counters, uint64_t bytes_written, MetricFamilies& out);

}  // namespace parley

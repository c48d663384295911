#include "net/net_metrics.h"

namespace parley {

void AddMetrics(std::span<const Shard* const> shards, const Gauge& connections,
                uint64_t accept_pauses, MetricFamilies& out) {
  int64_t outbox_bytes = 0;
  size_t inbox_bytes = 0;
  for (const Shard* shard : shards) {
    outbox_bytes += shard->outbox_bytes();
    inbox_bytes += shard->inbox_bytes();
  }
  out.AddGauge("connections", "Open connections, all protocols.",
               static_cast<double>(connections.value()));
  out.AddCounter("accept_pauses_total",
                 "Pauses of 100 ms in accepting connections because the process had no file "
                 "descriptors or memory.",
                 accept_pauses);
  out.AddGauge("outbox_bytes",
               "Bytes queued for writing on all connections, updated about once a second.",
               static_cast<double>(outbox_bytes));
  out.AddGauge("shard_inbox_bytes",
               "Bytes of tasks queued for shards, including events of other nodes.",
               static_cast<double>(inbox_bytes));
}

}  // namespace parley

#include "bus/bus_metrics.h"

namespace parley {

void AddMetrics(const BusCounters& counters, MetricFamilies& out) {
  out.AddCounter("bus_published_total", "Bus messages published to Redis.",
                 counters.published.value());
  out.AddCounter("bus_received_total", "Bus messages received, including this node's own.",
                 counters.received.value());
  out.AddCounter("bus_dropped_total", "Bus messages that could not be published.",
                 counters.dropped.value());
  out.AddCounter("bus_unreadable_total", "Bus messages that could not be decoded.",
                 counters.unreadable.value());
  out.AddCounter("bus_reconnects_total", "Bus reconnects.", counters.reconnects.value());
  out.AddCounter("bus_failures_total",
                 "Unexpected bus errors, each followed by a restart of the connection.",
                 counters.failures.value());
  out.AddCounter("bus_pauses_total", "Pauses in reading from Redis because a shard was overloaded.",
                 counters.pauses.value());
  out.AddCounter("bus_other_store_total",
                 "Announcements received from nodes that use another store.",
                 counters.other_stores.value());
  out.AddHistogram("bus_lag_seconds",
                   "Seconds from a commit on another node to its arrival on this node.",
                   counters.lag);
  out.AddCounter("bus_commands_total", "Commands that this node sent to Redis to publish.",
                 counters.commands.value());
  std::vector<MetricFamilies::Value> up;
  if (counters.configured) up.push_back({{}, counters.up ? 1.0 : 0.0});
  out.AddGauges("bus_up", "1 while this node is connected to the bus, otherwise 0.", up);
}

}  // namespace parley

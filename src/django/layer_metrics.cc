#include "django/layer_metrics.h"

namespace parley::django {

void AddMetrics(const LayerCounters& counters, MetricFamilies& out) {
  const auto number = [](const Counter& counter) { return static_cast<double>(counter.value()); };
  out.AddCounter(
      "channel_layer_sent_total",
      "Messages sent to Django: one per process on the core layer, one per group on Pub/Sub.",
      counters.sent.value());
  out.AddCounter("channel_layer_over_capacity_total",
                 "Messages to Django processes dropped because their inboxes were full.",
                 counters.over_capacity.value());
  out.AddCounters("channel_layer_dropped_total", "Messages to Django dropped, by reason.",
                  {{{{"reason", "queue_full"}}, number(counters.queue_full)},
                   {{{"reason", "too_large"}}, number(counters.too_large)},
                   {{{"reason", "disconnected"}}, number(counters.disconnected)},
                   {{{"reason", "clock_skew"}}, number(counters.clock_skew)}});
  out.AddCounter("channel_layer_received_total", "Messages received from Django.",
                 counters.received.value());
  out.AddCounters("channel_layer_discarded_total",
                  "Messages from Django that were not delivered, by reason.",
                  {{{{"reason", "malformed"}}, number(counters.malformed)},
                   {{{"reason", "unaddressed"}}, number(counters.unaddressed)},
                   {{{"reason", "ignored_type"}}, number(counters.ignored)},
                   {{{"reason", "duplicate"}}, number(counters.duplicates)}});
  out.AddGauge("channel_layer_groups", "Groups of the channel layer that this node is in.",
               static_cast<double>(counters.groups.load()));
  out.AddGauge("channel_layer_queued_bytes", "Bytes of commands queued for the channel layer.",
               static_cast<double>(counters.queued_bytes.load()));
  out.AddGauge("channel_layer_inbox_messages",
               "Messages that wait in this node's inbox, updated every ten seconds.",
               static_cast<double>(counters.inbox_messages.load()));
  out.AddGauge("channel_layer_clock_skew_seconds",
               "Seconds that the clock of a Redis host is ahead of this node's, largest value.",
               static_cast<double>(counters.skew_micros.load()) * 1e-6);
  out.AddCounter("channel_layer_pauses_total",
                 "Pauses in reading from the channel layer because a shard was overloaded.",
                 counters.pauses.value());
  out.AddCounter("channel_layer_reconnects_total", "Reconnects to hosts of the channel layer.",
                 counters.reconnects.value());
  out.AddCounter("channel_layer_failures_total",
                 "Commands of the channel layer that Redis rejected, and unexpected errors.",
                 counters.failures.value());
}

}  // namespace parley::django

#include "hub/hub_metrics.h"

namespace parley {

void AddMetrics(const HubCounters& counters, MetricFamilies& out) {
  out.AddCounters("messages_total", "Messages committed and repeats recognized, by verb.",
                  {{{{"verb", "create"}}, static_cast<double>(counters.messages.value())},
                   {{{"verb", "repeat"}}, static_cast<double>(counters.duplicates.value())}});
  out.AddHistogram(
      "delivery_seconds",
      "Seconds from an event's commit to the outboxes of its subscribers, once per shard.",
      counters.delivery);
  out.AddCounters(
      "dropped_total", "Ephemeral events dropped before delivery to a connection, by reason.",
      {{{{"reason", "busy"}}, static_cast<double>(counters.ephemeral_dropped.value())}});
  out.AddCounter("catch_ups_total", "Catch-up pages read for resumes, slow readers and gaps.",
                 counters.catch_ups.value());
  out.AddCounter("catch_up_store_reads_total", "Catch-up pages read from the store.",
                 counters.store_reads.value());
  std::vector<MetricFamilies::Value> resumes;
  for (size_t i = 0; i < kResumeResults.size(); ++i) {
    resumes.push_back(
        {{{"result", kResumeResults[i]}}, static_cast<double>(counters.resumes[i].value())});
  }
  out.AddCounters("resumes_total", "Conversations resumed by clients, by outcome.", resumes);
  out.AddGauge("conversations_in_memory", "Conversations held in memory.",
               static_cast<double>(counters.rooms.value()));
  out.AddGauge("conversations_idle",
               "Conversations held in memory without a subscriber or a pending store call.",
               static_cast<double>(counters.rooms_idle.value()));
  out.AddGauge("tail_bytes", "Bytes of recent events held in memory for resumes and slow readers.",
               static_cast<double>(counters.tail_bytes.value()));
  out.AddGauge("presence_waiting_bytes",
               "Bytes of presence changes that wait to be delivered together.",
               static_cast<double>(counters.presence_bytes.value()));
  out.AddCounter("adopted_changes_total",
                 "Changes by writers other than Parley, adopted by this node.",
                 counters.adopted.value());
  out.AddCounter("store_rewinds_total",
                 "Conversations whose head in the store moved back, for example after a fail-over.",
                 counters.rewinds.value());
  out.AddCounter("bus_losses_found_total",
                 "Conversations where the store had events that the bus had lost.",
                 counters.found_in_store.value());
}

}  // namespace parley

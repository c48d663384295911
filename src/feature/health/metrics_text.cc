#include "feature/health/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

#include "base/log.h"
#include "feature/health/health_api.h"
#include "protocol/close_codes.h"

namespace parley {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void Count(const char* name, const char* help, uint64_t value) {
    Labelled(name, help, {{{}, value}});
  }
  using Label = std::pair<std::string, std::string>;
  void Labelled(const char* name, const char* help,
                const std::vector<std::pair<Label, uint64_t>>& values) {
    MetricFamily& family = Add(name, help, MetricType::Counter);
    for (const auto& [label, value] : values) {
      ClientMetric metric;
      if (!label.first.empty()) metric.label.push_back({label.first, label.second});
      metric.counter.value = static_cast<double>(value);
      family.metric.push_back(metric);
    }
  }
  void Level(const char* name, const char* help, double value) {
    ClientMetric metric;
    metric.gauge.value = value;
    Add(name, help, MetricType::Gauge).metric.push_back(metric);
  }
  void Levels(const char* name, const char* help,
              const std::vector<std::pair<Label, uint64_t>>& values) {
    MetricFamily& family = Add(name, help, MetricType::Gauge);
    for (const auto& [label, value] : values) {
      ClientMetric metric;
      metric.label.push_back({label.first, label.second});
      metric.gauge.value = static_cast<double>(value);
      family.metric.push_back(metric);
    }
  }
  void Sum(const char* name, const char* help, uint64_t count, double sum) {
    ClientMetric metric;
    metric.summary.sample_count = count;
    metric.summary.sample_sum = sum;
    Add(name, help, MetricType::Summary).metric.push_back(metric);
  }
  void Times(const char* name, const char* help, const Histogram& times) {
    Add(name, help, MetricType::Histogram).metric.push_back(Buckets(times));
  }
  void Requests(const char* name, const char* help, const RequestTimes& requests) {
    MetricFamily& family = Add(name, help, MetricType::Histogram);
    requests.ForEach([&](const RequestLabels& labels, const Histogram& times) {
      ClientMetric metric = Buckets(times);
      metric.label = {{"method", labels.method},
                      {"route", labels.route},
                      {"status", std::to_string(labels.status)}};
      family.metric.push_back(std::move(metric));
    });
  }
  void Info(const char* name, const char* help, const char* label, const char* value) {
    ClientMetric metric;
    metric.label.push_back({label, value});
    metric.gauge.value = 1;
    Add(name, help, MetricType::Gauge).metric.push_back(metric);
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  static ClientMetric Buckets(const Histogram& times) {
    ClientMetric metric;
    for (size_t i = 0; i < Histogram::kBuckets; ++i) {
      metric.histogram.sample_count += times.count(i);
      const bool last = i + 1 == Histogram::kBuckets;
      metric.histogram.bucket.push_back(
          {metric.histogram.sample_count,
           last ? std::numeric_limits<double>::infinity() : Histogram::UpperSeconds(i)});
    }
    metric.histogram.sample_sum = times.sum_seconds();
    return metric;
  }
  MetricFamily& Add(const char* name, const char* help, MetricType type) {
    families_.push_back({std::string("parley_") + name, help, type, {}});
    return families_.back();
  }
  std::vector<MetricFamily> families_;
};

}  // namespace

std::string MetricsText(const StoreStats& store, const NodeHealth& health) {
  const NodeCounters& counters = health.counters;
  const WsCounters& ws = counters.ws;
  int64_t outbox_bytes = 0;
  uint64_t bytes_written = 0;
  size_t inbox_bytes = 0;
  for (const Shard* shard : health.shards) {
    outbox_bytes += shard->outbox_bytes();
    bytes_written += shard->bytes_written();
    inbox_bytes += shard->inbox_bytes();
  }

  Families out;
  out.Info("build_info", "The version that runs.", "version", PARLEY_VERSION);
  out.Level("connections", "Open connections of any protocol.",
            static_cast<double>(counters.connections.value()));
  out.Level("websockets", "Open WebSockets.", static_cast<double>(ws.open.value()));
  out.Count("websockets_opened_total", "WebSockets opened.", ws.opened.value());
  std::vector<std::pair<Families::Label, uint64_t>> closed;
  for (size_t i = 0; i < kCloseCodes.size(); ++i) {
    const std::string code = std::to_string(static_cast<uint16_t>(kCloseCodes[i]));
    closed.push_back({{"code", code}, ws.closed[i].value()});
  }
  out.Labelled("connections_closed_total", "WebSockets ended, by close code.", closed);
  out.Labelled("messages_total", "Messages committed, and repeats recognised.",
               {{{"verb", "create"}, counters.hub.messages.value()},
                {{"verb", "repeat"}, counters.hub.duplicates.value()}});
  out.Labelled("frames_bytes_total",
               "Bytes of WebSocket frames that came in; bytes of any protocol that went out.",
               {{{"direction", "in"}, ws.bytes_in.value()}, {{"direction", "out"}, bytes_written}});
  out.Level("outbox_bytes",
            "Bytes that wait to be written, of all connections, about a second old.",
            static_cast<double>(outbox_bytes));
  out.Level("shard_inbox_bytes",
            "Bytes of work that shards have not done yet, with the events of other nodes it holds.",
            static_cast<double>(inbox_bytes));
  out.Count("catch_ups_total", "Pages read for resumes, slow readers and gaps.",
            counters.hub.catch_ups.value());
  out.Count("catch_up_store_reads_total", "Of those pages: read from the store.",
            counters.hub.store_reads.value());
  std::vector<std::pair<Families::Label, uint64_t>> resumes;
  for (size_t i = 0; i < kResumeResults.size(); ++i) {
    resumes.push_back({{"result", kResumeResults[i]}, counters.hub.resumes[i].value()});
  }
  out.Labelled("resumes_total", "Conversations that a client said how far it had, by what it got.",
               resumes);
  out.Level("conversations_in_memory", "Conversations whose state is in memory.",
            static_cast<double>(counters.hub.rooms.value()));
  out.Level("conversations_idle", "Of those: without a listener or a call to the store.",
            static_cast<double>(counters.hub.rooms_idle.value()));
  out.Level("tail_bytes", "Bytes of events kept in memory for resumes and slow readers.",
            static_cast<double>(counters.hub.tail_bytes.value()));
  out.Count("store_rewinds_total",
            "Conversations whose newest events the store lost under this node.",
            counters.hub.rewinds.value());
  out.Labelled("dropped_total", "Ephemeral events that a busy connection did not get.",
               {{{"reason", "busy"}, counters.hub.ephemeral_dropped.value()}});
  std::vector<std::pair<Families::Label, uint64_t>> limited;
  for (size_t i = 1; i < kLimitCount; ++i) {
    const auto limit = static_cast<Limit>(i);
    limited.push_back({{"verb", std::string(kLimitNames[i])},
                       health.limiter == nullptr ? 0 : health.limiter->refused(limit)});
  }
  out.Labelled("rate_limited_total", "Requests, commands and sockets refused by a rate limit.",
               limited);
  out.Level("rate_limiter_entries", "Users and addresses that the rate limiter holds buckets for.",
            health.limiter == nullptr ? 0 : static_cast<double>(health.limiter->entries()));
  out.Times("delivery_seconds",
            "From an event's commit to the outboxes of its listeners, once for each shard.",
            counters.hub.delivery);
  out.Sum("commit_seconds", "Time of a commit, its fsync included.", store.commits,
          store.commit_seconds);
  out.Sum("commit_batch_messages", "Writes that shared a commit.", store.commits,
          static_cast<double>(store.committed_writes));
  out.Level("store_queue", "Writes that wait for their commit.",
            static_cast<double>(store.queued_writes));
  out.Count("store_refused_total",
            "Writes refused at once: the queue was full, or the store did not answer.",
            store.refused_writes);
  const std::vector<std::pair<std::string, BufferStats>> buffers = {
      {"delivered", store.deliveries},
      {"read_marks", store.read_marks},
      {"read_stamps", store.read_stamps},
      {"last_seen", store.seen}};
  std::vector<std::pair<Families::Label, uint64_t>> dropped;
  for (const auto& [name, buffer] : buffers) dropped.push_back({{"buffer", name}, buffer.dropped});
  out.Labelled("store_buffer_dropped_total",
               "Entries that a full buffer of background writes dropped, or refused with 503.",
               dropped);
  uint64_t buffered = 0;
  for (const auto& [name, buffer] : buffers) buffered += buffer.queued;
  out.Level("store_buffered_entries", "Entries that wait to be written in the background.",
            static_cast<double>(buffered));
  std::vector<std::pair<Families::Label, uint64_t>> queued, full, late;
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    const Families::Label label{"class", kReadClasses[i]};
    queued.push_back({label, store.reads[i].queued});
    full.push_back({label, store.reads[i].refused_full});
    late.push_back({label, store.reads[i].refused_late});
  }
  out.Levels("store_read_queue", "Reads waiting for a connection, by class.", queued);
  out.Labelled("store_reads_refused_total", "Reads refused because their queue was full, by class.",
               full);
  out.Labelled("store_reads_expired_total",
               "Reads refused because they had waited longer than a client does, by class.", late);
  out.Count("store_statements_total", "SQL statements, transactions' beginnings and ends included.",
            store.statements);
  out.Count("store_round_trips_total", "Round trips to the database server, connects included.",
            store.round_trips);
  out.Count("store_pool_waits_total", "Reads that had to wait for a connection.",
            store.reads_that_waited);
  out.Level("revocations", "Revoked tokens and users in memory.",
            health.revocations == nullptr ? 0 : static_cast<double>(health.revocations->size()));
  const BusCounters& bus = counters.bus;
  out.Count("bus_published_total", "Messages to other nodes that Redis took.",
            bus.published.value());
  out.Count("bus_received_total", "Messages on the bus that came in, this node's own included.",
            bus.received.value());
  out.Count("bus_dropped_total", "Messages to other nodes that could not be published.",
            bus.dropped.value());
  out.Count("bus_unreadable_total", "Messages on the bus that were none of ours.",
            bus.unreadable.value());
  out.Count("bus_reconnects_total", "Times that the bus came back.", bus.reconnects.value());
  out.Count("bus_failures_total",
            "Unexpected errors in the bus's own work, after which it restarted.",
            bus.failures.value());
  out.Count("bus_pauses_total", "Times that reading from Redis paused because a shard was behind.",
            bus.pauses.value());
  out.Count("bus_other_store_total", "Announcements by nodes of another store on this Redis.",
            bus.other_stores.value());
  out.Count("bus_losses_found_total",
            "Conversations where the store was ahead of what other nodes had told.",
            counters.hub.found_in_store.value());
  out.Times("bus_lag_seconds", "From a commit on another node to this one's hearing of it.",
            bus.lag);
  out.Count("redis_commands_total", "Commands sent to Redis.", bus.commands.value());
  out.Level("redis_memory_bytes", "Memory that Redis uses, up to ten seconds old.",
            static_cast<double>(bus.redis_memory_bytes.load()));
  out.Level("redis_clients", "Connections that Redis has, up to ten seconds old.",
            static_cast<double>(bus.redis_clients.load()));
  out.Count("log_dropped_total", "Log lines dropped because the log sink was blocked or full.",
            log::Dropped());
  out.Requests("http_request_seconds",
               "From a request's first byte to its answer's, by route and status.",
               counters.http.requests);
  return out.Text();
}

}  // namespace parley

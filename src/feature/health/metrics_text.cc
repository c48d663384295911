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
  out.Info("build_info", "Version of the running binary.", "version", PARLEY_VERSION);
  out.Level("connections", "Open connections, all protocols.",
            static_cast<double>(counters.connections.value()));
  out.Level("websockets", "Open WebSockets.", static_cast<double>(ws.open.value()));
  out.Count("websockets_opened_total", "WebSockets opened.", ws.opened.value());
  std::vector<std::pair<Families::Label, uint64_t>> closed;
  for (size_t i = 0; i < kCloseCodes.size(); ++i) {
    const std::string code = std::to_string(static_cast<uint16_t>(kCloseCodes[i]));
    closed.push_back({{"code", code}, ws.closed[i].value()});
  }
  out.Labelled("connections_closed_total", "WebSockets closed, by close code.", closed);
  out.Labelled("messages_total", "Messages committed and repeats recognized, by verb.",
               {{{"verb", "create"}, counters.hub.messages.value()},
                {{"verb", "repeat"}, counters.hub.duplicates.value()}});
  out.Labelled("frames_bytes_total",
               "Bytes of WebSocket frames received and bytes of all protocols sent, by direction.",
               {{{"direction", "in"}, ws.bytes_in.value()}, {{"direction", "out"}, bytes_written}});
  out.Level("outbox_bytes",
            "Bytes queued for writing on all connections, updated about once a second.",
            static_cast<double>(outbox_bytes));
  out.Level("shard_inbox_bytes",
            "Bytes of tasks queued for shards, including events of other nodes.",
            static_cast<double>(inbox_bytes));
  out.Count("catch_ups_total", "Catch-up pages read for resumes, slow readers and gaps.",
            counters.hub.catch_ups.value());
  out.Count("catch_up_store_reads_total", "Catch-up pages read from the store.",
            counters.hub.store_reads.value());
  std::vector<std::pair<Families::Label, uint64_t>> resumes;
  for (size_t i = 0; i < kResumeResults.size(); ++i) {
    resumes.push_back({{"result", kResumeResults[i]}, counters.hub.resumes[i].value()});
  }
  out.Labelled("resumes_total", "Conversations resumed by clients, by outcome.", resumes);
  out.Level("conversations_in_memory", "Conversations held in memory.",
            static_cast<double>(counters.hub.rooms.value()));
  out.Level("conversations_idle",
            "Conversations held in memory without a subscriber or a pending store call.",
            static_cast<double>(counters.hub.rooms_idle.value()));
  out.Level("tail_bytes", "Bytes of recent events held in memory for resumes and slow readers.",
            static_cast<double>(counters.hub.tail_bytes.value()));
  out.Count("store_rewinds_total",
            "Conversations whose head in the store moved back, for example after a fail-over.",
            counters.hub.rewinds.value());
  out.Labelled("dropped_total",
               "Ephemeral events dropped before delivery to a connection, by reason.",
               {{{"reason", "busy"}, counters.hub.ephemeral_dropped.value()}});
  std::vector<std::pair<Families::Label, uint64_t>> limited;
  for (size_t i = 1; i < kLimitCount; ++i) {
    const auto limit = static_cast<Limit>(i);
    limited.push_back({{"verb", std::string(kLimitNames[i])},
                       health.limiter == nullptr ? 0 : health.limiter->refused(limit)});
  }
  out.Labelled("rate_limited_total",
               "Requests, commands and sockets refused by a rate limit, by verb.", limited);
  out.Level("rate_limiter_entries", "Users and addresses tracked by the rate limiter.",
            health.limiter == nullptr ? 0 : static_cast<double>(health.limiter->entries()));
  out.Times("delivery_seconds",
            "Seconds from an event's commit to the outboxes of its subscribers, once per shard.",
            counters.hub.delivery);
  out.Sum("commit_seconds", "Seconds per commit, including fsync.", store.commits,
          store.commit_seconds);
  out.Sum("commit_batch_messages", "Writes per commit.", store.commits,
          static_cast<double>(store.committed_writes));
  out.Level("store_queue", "Writes queued for commit.", static_cast<double>(store.queued_writes));
  out.Count("store_refused_total",
            "Writes refused because the queue was full or the store did not respond in time.",
            store.refused_writes);
  const std::vector<std::pair<std::string, BufferStats>> buffers = {
      {"delivered", store.deliveries},
      {"read_marks", store.read_marks},
      {"read_stamps", store.read_stamps},
      {"last_seen", store.seen}};
  std::vector<std::pair<Families::Label, uint64_t>> dropped;
  for (const auto& [name, buffer] : buffers) dropped.push_back({{"buffer", name}, buffer.dropped});
  out.Labelled("store_buffer_dropped_total",
               "Background write entries dropped, or refused with 503, because the buffer was "
               "full, by buffer.",
               dropped);
  uint64_t buffered = 0;
  for (const auto& [name, buffer] : buffers) buffered += buffer.queued;
  out.Level("store_buffered_entries", "Background write entries queued.",
            static_cast<double>(buffered));
  std::vector<std::pair<Families::Label, uint64_t>> queued, full, late;
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    const Families::Label label{"class", kReadClasses[i]};
    queued.push_back({label, store.reads[i].queued});
    full.push_back({label, store.reads[i].refused_full});
    late.push_back({label, store.reads[i].refused_late});
  }
  out.Levels("store_read_queue", "Reads queued for a database connection, by class.", queued);
  out.Labelled("store_reads_refused_total", "Reads refused because the queue was full, by class.",
               full);
  out.Labelled("store_reads_expired_total",
               "Reads refused because they were queued for too long, by class.", late);
  out.Count("store_statements_total", "SQL statements executed, including BEGIN and COMMIT.",
            store.statements);
  out.Count("store_round_trips_total", "Round trips to the database server, including connects.",
            store.round_trips);
  out.Count("store_pool_waits_total", "Reads that waited for a database connection.",
            store.reads_that_waited);
  out.Level("revocations", "Revoked tokens and users held in memory.",
            health.revocations == nullptr ? 0 : static_cast<double>(health.revocations->size()));
  const BusCounters& bus = counters.bus;
  out.Count("bus_published_total", "Bus messages published to Redis.", bus.published.value());
  out.Count("bus_received_total", "Bus messages received, including this node's own.",
            bus.received.value());
  out.Count("bus_dropped_total", "Bus messages that could not be published.", bus.dropped.value());
  out.Count("bus_unreadable_total", "Bus messages that could not be decoded.",
            bus.unreadable.value());
  out.Count("bus_reconnects_total", "Bus reconnects.", bus.reconnects.value());
  out.Count("bus_failures_total",
            "Unexpected bus errors, each followed by a restart of the connection.",
            bus.failures.value());
  out.Count("bus_pauses_total", "Pauses in reading from Redis because a shard was overloaded.",
            bus.pauses.value());
  out.Count("bus_other_store_total", "Announcements received from nodes that use another store.",
            bus.other_stores.value());
  out.Count("bus_losses_found_total",
            "Conversations where the store had events that the bus had lost.",
            counters.hub.found_in_store.value());
  out.Times("bus_lag_seconds", "Seconds from a commit on another node to its arrival on this node.",
            bus.lag);
  out.Count("redis_commands_total", "Commands sent to Redis.", bus.commands.value());
  out.Level("redis_memory_bytes", "Bytes of memory used by Redis, updated every ten seconds.",
            static_cast<double>(bus.redis_memory_bytes.load()));
  out.Level("redis_clients", "Client connections of Redis, updated every ten seconds.",
            static_cast<double>(bus.redis_clients.load()));
  out.Count("log_dropped_total", "Log lines dropped because the log sink was blocked or full.",
            log::Dropped());
  out.Requests("http_request_seconds",
               "Seconds from the first byte of a request to the first byte of its response, by "
               "method, route and status.",
               counters.http.requests);
  return out.Text();
}

}  // namespace parley

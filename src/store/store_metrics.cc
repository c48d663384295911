#include "store/store_metrics.h"

namespace parley {
namespace {

using Values = std::vector<MetricFamilies::Value>;

void AddWrites(const StoreStats& stats, MetricFamilies& out) {
  out.AddSummary("commit_seconds", "Seconds per commit, including fsync.", stats.commits,
                 stats.commit_seconds);
  out.AddSummary("commit_batch_messages", "Writes per commit.", stats.commits,
                 static_cast<double>(stats.committed_writes));
  out.AddCounter("store_commit_failures_total",
                 "Commits that failed; their writes were refused or repeated.",
                 stats.failed_commits);
  out.AddGauge("store_wal_bytes", "Bytes of the write-ahead log in use, with the embedded store.",
               static_cast<double>(stats.wal_bytes));
  out.AddCounter("store_wal_restarts_total",
                 "Times that the write-ahead log was copied into the database and started anew.",
                 stats.wal_restarts);
  out.AddGauge("store_queue", "Writes queued for commit.",
               static_cast<double>(stats.queued_writes));
  out.AddCounter("store_refused_total",
                 "Writes refused because the queue was full or the store did not respond in time.",
                 stats.refused_writes);
}

void AddBuffers(const StoreStats& stats, MetricFamilies& out) {
  const std::pair<const char*, BufferStats> buffers[] = {{"delivered", stats.deliveries},
                                                         {"read_marks", stats.read_marks},
                                                         {"read_stamps", stats.read_stamps},
                                                         {"last_seen", stats.seen}};
  Values dropped;
  uint64_t queued = 0;
  for (const auto& [name, buffer] : buffers) {
    dropped.push_back({{{"buffer", name}}, static_cast<double>(buffer.dropped)});
    queued += buffer.queued;
  }
  out.AddCounters("store_buffer_dropped_total",
                  "Background write entries dropped, or refused with 503, because the buffer was "
                  "full, by buffer.",
                  dropped);
  out.AddGauge("store_buffered_entries", "Background write entries queued.",
               static_cast<double>(queued));
}

void AddReads(const StoreStats& stats, MetricFamilies& out) {
  Values queued, full, late;
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    const MetricFamilies::Labels labels{{"class", kReadClasses[i]}};
    const ReadStats& reads = stats.reads[i];
    queued.push_back({labels, static_cast<double>(reads.queued)});
    full.push_back({labels, static_cast<double>(reads.refused_full)});
    late.push_back({labels, static_cast<double>(reads.refused_late)});
  }
  out.AddGauges("store_read_queue", "Reads queued for a database connection, by class.", queued);
  out.AddCounters("store_reads_refused_total",
                  "Reads refused because the queue was full, by class.", full);
  out.AddCounters("store_reads_expired_total",
                  "Reads refused because they were queued for too long, by class.", late);
  out.AddCounter("store_pool_waits_total", "Reads that waited for a database connection.",
                 stats.reads_that_waited);
}

}  // namespace

void AddMetrics(const StoreStats& stats, MetricFamilies& out) {
  AddWrites(stats, out);
  AddBuffers(stats, out);
  AddReads(stats, out);
  out.AddCounter("store_statements_total", "SQL statements executed, including BEGIN and COMMIT.",
                 stats.statements);
  out.AddCounter("store_round_trips_total",
                 "Round trips to the database server, including connects.", stats.round_trips);
}

}  // namespace parley

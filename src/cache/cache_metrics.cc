#include "cache/cache_metrics.h"

namespace parley {
namespace {

double Number(const Counter& counter) { return static_cast<double>(counter.value()); }

std::vector<MetricFamilies::Value> LookupRows(const CacheCounters& counters) {
  constexpr std::array kKinds = {"summary", "unread", "key_set"};
  constexpr std::array kResults = {"hit", "miss", "stale", "invalid", "unanswered"};
  std::vector<MetricFamilies::Value> rows;
  for (size_t kind = 0; kind < kKinds.size(); ++kind) {
    for (size_t result = 0; result < kResults.size(); ++result) {
      rows.push_back({{{"kind", kKinds[kind]}, {"result", kResults[result]}},
                      Number(counters.lookups[kind][result])});
    }
  }
  return rows;
}

}  // namespace

void AddMetrics(const CacheCounters& counters, MetricFamilies& out) {
  out.AddCounters("cache_lookups_total",
                  "Entries looked up in the cache, by kind and result; `invalid` entries are not "
                  "authentic or malformed, `unanswered` ones got no reply or were not requested.",
                  LookupRows(counters));
  out.AddCounters("cache_failures_total", "Requests to the cache that failed, by reason.",
                  {{{{"reason", "timeout"}}, Number(counters.timeouts)},
                   {{{"reason", "connection"}}, Number(counters.failures)}});
  out.AddCounters("cache_skipped_total",
                  "Requests to the cache that were not sent, by reason: after a failure, behind a "
                  "slow request, or because all connections were in use.",
                  {{{{"reason", "paused"}}, Number(counters.paused)},
                   {{{"reason", "slow"}}, Number(counters.slow)},
                   {{{"reason", "full"}}, Number(counters.full)}});
  out.AddCounter("cache_refused_total", "Commands of the cache that Redis rejected.",
                 counters.refused.value());
  out.AddCounters("cache_bytes_total", "Bytes of cache entries, by direction.",
                  {{{{"direction", "read"}}, Number(counters.read_bytes)},
                   {{{"direction", "written"}}, Number(counters.written_bytes)}});
  out.AddCounter("cache_unwritten_total",
                 "Cache entries that were not written: too large, or Redis was not available.",
                 counters.unwritten.value());
  out.AddHistogram("cache_seconds", "Seconds of requests to the cache that were answered.",
                   counters.seconds);
  out.AddGauge("cache_connections", "Open connections to the Redis of the cache.",
               static_cast<double>(counters.connections.value()));
  out.AddGauge("cache_up", "1 if the last request to the cache was answered.",
               counters.up.load() ? 1 : 0);
  out.AddGauge("cache_shared", "1 if the database of the cache has keys of other programs.",
               counters.shared.load() ? 1 : 0);
}

}  // namespace parley

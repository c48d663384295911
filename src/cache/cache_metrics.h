// Counters of the cache. Their meaning: cache_metrics.cc.
#pragma once
#include <array>

#include "base/metric_families.h"
#include "base/metrics.h"

namespace parley {

enum class CachedKind : uint8_t { kSummary, kUnread, kKeySet };
enum class CacheResult : uint8_t { kHit, kMiss, kStale, kInvalid, kUnanswered };

struct CacheCounters {
  Counter& Lookups(CachedKind kind, CacheResult result) {
    return lookups[static_cast<size_t>(kind)][static_cast<size_t>(result)];
  }

  std::array<std::array<Counter, 5>, 3> lookups;
  Counter failures, timeouts;         // requests without a reply
  Counter paused, slow, full;         // requests that were not sent
  Counter refused;                    // commands
  Counter read_bytes, written_bytes;  // of values
  Counter unwritten;                  // entries
  Gauge connections;
  Histogram seconds;
  std::atomic<bool> up{true}, shared{false};
};

void AddMetrics(const CacheCounters& counters, MetricFamilies& out);

}  // namespace parley

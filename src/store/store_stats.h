// Figures of the store for /metrics.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/metrics.h"

namespace parley {

// The priority of a read (store/reader_pool.h).
enum class ReadClass : uint8_t { kCritical, kInteractive, kBulk };
inline constexpr std::array kReadClasses = {"critical", "interactive", "bulk"};

// Figures of one class of reads.
struct ReadStats {
  uint64_t queued = 0;        // now
  uint64_t refused_full = 0;  // the queue of the class was full
  uint64_t refused_late = 0;  // the read was queued for longer than a client waits
};

// Entries in memory that the store writes in the background.
struct BufferStats {
  uint64_t queued = 0;   // now
  uint64_t dropped = 0;  // or refused, because the buffer was full
};

// Figures of the write-ahead log of an embedded database. Threads: any.
struct WalFigures {
  std::atomic<int64_t> bytes{0};  // since it last started anew
  Counter restarts;               // times that it started anew
};

// Figures since the start, except those marked "now".
struct StoreStats {
  uint64_t commits = 0;
  uint64_t committed_writes = 0;
  double commit_seconds = 0;    // sum over commits, fsync included
  uint64_t failed_commits = 0;  // rolled back, or with an unknown outcome
  uint64_t queued_writes = 0;   // now
  uint64_t refused_writes = 0;  // the queue was full
  uint64_t statements = 0;
  uint64_t round_trips = 0;                          // to a database server
  uint64_t reads_that_waited = 0;                    // for a connection
  std::array<ReadStats, kReadClasses.size()> reads;  // by ReadClass
  int64_t wal_bytes = 0;                             // now; 0 on a database server
  uint64_t wal_restarts = 0;
  BufferStats deliveries, read_marks, read_stamps, seen;
};

}  // namespace parley

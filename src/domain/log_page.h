// How nodes follow what the store has written: positions between its transactions, and pages of rows
// from one position to another.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// What a snapshot of the store contains: the transactions below `next`, except the `open` ones. Reading
// from one snapshot's position to another's leaves nothing out and gives each row once, in whatever
// order transactions are committed.
struct StorePosition {
  uint64_t epoch = 0;         // SqlSession::Epoch: positions of two epochs cannot be compared
  int64_t next = 0;           // that no transaction in the snapshot has reached
  std::vector<int64_t> open;  // ascending, below `next`; they may be committed later
};

// Where in the order of a page's rows the next page begins: behind this one.
struct RowKey {
  int64_t transaction = INT64_MIN;
  int64_t id = INT64_MIN;  // of a row of a log
  Uuid uuid;               // of a conversation
};

struct LogQuery {
  // Not set: the position is not known, or of another epoch. Rows that were made since `since` are read
  // instead, if the log has times.
  std::optional<StorePosition> from;
  Timestamp since;
  std::optional<StorePosition> until;  // what the round's first page answered; not set: this is it
  RowKey after;                        // the last row of the page before
  size_t limit = 1000;                 // rows
};

// What each page tells besides its rows.
struct LogPage {
  StorePosition position;  // of the snapshot that this page was read in
  bool stale = false;      // `from` or `until` are not positions of this store: no rows were read
  bool more = false;       // the page is full: ask again, `after` the last row
  RowKey last;
};

}  // namespace parley

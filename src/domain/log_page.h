// Types for following logs in the store: positions between transactions, and pages of rows between two
// positions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// The transactions visible in a snapshot of the store: those below `next`, except the `open` ones.
// Reading from one snapshot's position to another's returns each row exactly once, regardless of the
// order in which transactions commit.
struct StorePosition {
  uint64_t epoch = 0;         // SqlSession::Epoch; positions of different epochs cannot be compared
  int64_t next = 0;           // above every transaction in the snapshot
  std::vector<int64_t> open;  // ascending, below `next`; not committed yet
};

// The sort key of the last row of a page; the next page begins after it.
struct RowKey {
  int64_t transaction = INT64_MIN;
  int64_t id = INT64_MIN;  // for rows of a log
  Uuid uuid;               // for conversations
};

struct LogQuery {
  // nullopt if the position is unknown or from another epoch. Then rows created since `since` are read
  // instead, if the log has times.
  std::optional<StorePosition> from;
  Timestamp since;
  std::optional<StorePosition>
      until;            // the position of the round's first page; nullopt for the first page
  RowKey after;         // the last row of the previous page
  size_t limit = 1000;  // maximum rows
};

// The data of a page in addition to its rows.
struct LogPage {
  StorePosition position;  // position of the snapshot in which the page was read
  bool stale = false;      // `from` or `until` is not a position of this store; no rows were read
  bool more = false;       // the page is full; the next page begins after `last`
  RowKey last;
};

}  // namespace parley

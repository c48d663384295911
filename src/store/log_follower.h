// Follows a log of the store: when to read, from which position, page after page. It reads in rounds;
// a round is as many bounded pages as lie between the position and the store's present, and the
// position moves when a round is complete. A position of another epoch of the store is dropped: the
// round then begins with the rows made since shortly before the last complete round.
//
// No I/O and no clock. One thread. Rows may come more than once after a failure or a change of epoch.
#pragma once
#include <random>

#include "base/debounce.h"
#include "domain/log_page.h"

namespace parley {

class LogFollower {
 public:
  struct Options {
    Duration every;  // between the starts of two rounds; up to a quarter of it less, by jitter
    // Request: soon, but not more often than that.
    Debounce::Options on_request{.jitter = std::chrono::milliseconds(100),
                                 .window = std::chrono::milliseconds(500)};
    Duration margin = std::chrono::minutes(10);  // how far `since` reaches back
    size_t page_rows = 1000;
  };
  // `now`: rows made a margin before that are read first.
  LogFollower(Options options, Timestamp now, unsigned seed = std::random_device{}());

  // A round is wanted soon: something may have been lost.
  void Request(Monotonic now) { requested_.Request(now); }
  void SetInterval(Duration every) { options_.every = every; }

  // The first query of a round if one is due and none is under way.
  std::optional<LogQuery> Begin(Monotonic now, Timestamp time);
  struct Progress {
    std::optional<LogQuery> next;  // to be asked at once; not set: the round is complete
    // The position is new, not reached from the one before: without a time in the log, anything may
    // have happened in between.
    bool restarted = false;
  };
  Progress OnPage(const LogPage& page);
  // The round ends; another begins soon.
  void OnFailure(Monotonic now);

  bool reading() const { return reading_; }
  const std::optional<StorePosition>& position() const { return position_; }

 private:
  Options options_;
  std::minstd_rand random_;
  Debounce requested_;
  Monotonic next_ = {};
  bool reading_ = false;
  LogQuery query_;                         // the last one of the round under way
  Timestamp round_began_, last_complete_;  // wall clock
  std::optional<StorePosition> position_;
};

}  // namespace parley

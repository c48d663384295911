// Follows a log of the store: decides when to read, from which position, and page by page. It reads in
// rounds: a round is the bounded pages between the position and the store's present, and the position
// moves when a round is complete. A position of another epoch of the store is dropped; the round then
// begins with the rows created since shortly before the last complete round.
//
// No I/O and no clock. One thread. Rows may be read more than once after a failure or a change of epoch.
#pragma once
#include <random>

#include "base/debounce.h"
#include "domain/log_page.h"

namespace parley {

class LogFollower {
 public:
  struct Options {
    Duration every;  // between the starts of two rounds; up to a quarter of it less, by jitter
    // For Request: soon, with a minimum interval.
    Debounce::Options on_request{.jitter = std::chrono::milliseconds(100),
                                 .window = std::chrono::milliseconds(500)};
    Duration margin = std::chrono::minutes(10);  // of `since`, before the last complete round
    size_t page_rows = 1000;
  };
  // The first round reads the rows created since a margin before `now`.
  LogFollower(Options options, Timestamp now, unsigned seed = std::random_device{}());

  // Requests a round soon, because messages may have been lost.
  void Request(Monotonic now) { requested_.Request(now); }
  void SetInterval(Duration every) { options_.every = every; }

  // Returns the first query of a round if one is due and none is in progress.
  std::optional<LogQuery> Begin(Monotonic now, Timestamp time);
  struct Progress {
    std::optional<LogQuery> next;  // to be run at once; nullopt: the round is complete
    // The new position does not continue the previous one: a log without times may have missed rows
    // in between.
    bool restarted = false;
  };
  Progress OnPage(const LogPage& page);
  // Ends the round; another one begins soon.
  void OnFailure(Monotonic now);

  bool reading() const { return reading_; }
  const std::optional<StorePosition>& position() const { return position_; }

 private:
  Options options_;
  std::minstd_rand random_;
  Debounce requested_;
  Monotonic next_ = {};
  bool reading_ = false;
  LogQuery query_;                         // the last one of the current round
  Timestamp round_began_, last_complete_;  // wall clock
  std::optional<StorePosition> position_;
};

}  // namespace parley

// The load generator: many connections in one or more threads, each with an epoll loop. Connections are the members
// of rooms; some members of a room send, all of them receive.
//
// Latency counts from the time at which a message was due, not from the time at which it was sent, so
// that a server that stalls is charged for every message that should have been sent meanwhile (Gil Tene
// calls the contrary "coordinated omission"). With the paces that wait for the server, a message is due
// when it is sent.
//
// Every receiver checks each message: by the sender's number, which its client id carries, and by the
// server's seq.
//
// Threads: with Plan::threads = n, loop i has the members i, i + n, i + 2n and so on, also those of one room. The loops
// run side by side only within a phase of a measurement (connecting, warming up, measuring, draining); between phases
// the caller's thread is alone and reads what all of them counted. So the counts are exact and need no locks.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/dialect.h"
#include "loadgen/faults.h"
#include "loadgen/histogram.h"
#include "loadgen/member.h"
#include "loadgen/timeline.h"

namespace parley::loadgen {

// When the next message is sent.
enum class Pace {
  kDelivered,  // when all but `window - 1` of the room's messages have reached all of its members; one thread
  kAcked,  // when all but `window - 1` of the sender's messages are acknowledged
  kRate,   // `rate` messages a second, over all senders, whatever the server does
};

struct Plan {
  std::vector<Endpoint> endpoints;
  size_t threads = 1;
  std::string ca_file;  // authorities of TLS endpoints; empty: the system's
  size_t content_bytes = 128;
  double connect_rate = 0;  // connections opened a second, whatever the server does; 0: no limit
  size_t connecting_at_once = 64;  // without a rate: handshakes under way
  double connect_seconds = 120;    // until all connections are ready
  double quiet_seconds = 5;        // at the end, without a delivery: what is missing is lost
  size_t sample = 1;               // check and time the messages of each n-th connection only
  const std::atomic<bool>* interrupted = nullptr;  // once true, loads and storms end early
  std::string ack_log;  // a line for each message: "sent client_id" and "ack client_id id seq"
  std::string prefix;   // of client ids; another one each run
};

// One measurement. Several can follow each other on the same connections.
struct Load {
  Pace pace = Pace::kRate;
  size_t window = 1;
  double rate = 0;
  double warm_up = 1, seconds = 5;
  uint64_t messages_each = 0;  // of each sender, after which the load ends; 0: no limit
  double give_up = 0;  // seconds without an answer or delivery after which the load ends; 0: never
  double hold = 0;     // seconds to keep the connections idle before the first message
};

// All members but the senders are cut in the middle of a load. They stay away, while the senders send
// on, and all return at once with the last seq that they have, each to the next endpoint.
struct Outage {
  double before = 1, away = 1, after = 1;  // seconds of load
};

struct Report {
  double connect_seconds = 0;    // until the last connection that became ready
  double caught_up_seconds = 0;  // until the last one had all missed messages
  double seconds = 0;
  uint64_t sent = 0, acked = 0, delivered = 0, bytes = 0;  // within the measured time
  uint64_t duplicates = 0;  // messages that the server said it had already
  uint64_t unsent = 0;      // were due, and could not be sent before the end
  uint64_t undelivered =
      0;  // deliveries that did not arrive, also to connections that are not checked
  Histogram ack, delivery;  // microseconds, of messages that were due in the measured time
  std::vector<std::pair<std::string, Histogram>> kinds;  // of `ack`, for each of Dialect::kinds()
  // From the time at which a connection was due until it was ready, and until it had all that it missed.
  // Without a rate of connects, a new connection is due when it is opened, and one that resumes when
  // all return.
  Histogram connect, catch_up;
  uint64_t ready = 0, resumed = 0;  // connections
  uint64_t postponed = 0;  // connections that the server closed with a time to return after
  uint64_t postponed_without_delay = 0;
  Histogram
      send_delay;  // how late the generator itself was, not how long a message waited for the server
  std::vector<Second> timeline;
  Faults faults;
  std::string first_error;  // the server's text
};

class Loop;
struct Shared;

class Swarm {
 public:
  using OnSecond = loadgen::OnSecond;

  // The dialect must outlive the swarm.
  Swarm(Plan plan, const Dialect& dialect, std::vector<Member> members);
  ~Swarm();
  // Connects all members. Errors: std::runtime_error if the server refuses one, with its text, or if it is
  // interrupted.
  void Connect();
  // Connects all members, and reconnects each one that the server refuses or closes, until all are ready (and
  // have caught up, if `resume`) or Plan::connect_seconds have passed.
  Report Storm(bool resume = false, const OnSecond& on_second = {});
  // `on_phase`: called with "measuring" and "measured". `on_second`: called for each measured second, by any of
  // the threads. Errors: std::invalid_argument for Pace::kDelivered with several threads.
  Report Run(const Load& load, const std::function<void(const char*)>& on_phase = {},
             const OnSecond& on_second = {});
  // Load::warm_up and Load::seconds do not count: the load ends when all have caught up.
  Report RunOutage(const Load& load, const Outage& outage, const OnSecond& on_second = {});

 private:
  // Runs `work` for each loop side by side, and waits for all. Errors: those of the first loop that has one.
  void Each(const std::function<void(Loop&)>& work);
  // As Loop::RunUntil, for all loops.
  void RunUntil(int64_t end, bool (Loop::*done)() = nullptr);
  // Returns the time from which messages are due.
  int64_t Begin(const Load& load, const OnSecond& on_second);
  void BeginMeasuring(int64_t from);
  void EndMeasuring(bool keep_empty);
  void BeginStorm(bool resume);
  void EndStorm();
  void Drain();
  uint64_t Undelivered() const;
  bool IsComplete() const;
  // With the faults that show only when nothing is under way any longer.
  Report Finish();
  Report Collect() const;

  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  Report whole_;  // what does not belong to one loop
  uint64_t never_ready_ = 0;
  int64_t storm_ = 0;
  bool resuming_ = false;
};

}  // namespace parley::loadgen

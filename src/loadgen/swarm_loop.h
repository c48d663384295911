// One thread's part of a Swarm: the connections of some members, with an epoll loop. Internal to loadgen.
//
// Threads: a phase of the loop (Connect, RunUntil, TurnUntil) runs in one thread; everything else is called between
// phases by the swarm's caller. What several loops write is in Shared.
#pragma once
#include <sys/epoll.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/swarm.h"
#include "loadgen/tls_client.h"

namespace parley::loadgen {

class Client;

// What all loops know. Only the atomics and the timeline change after construction, within a phase.
struct Shared {
  static constexpr size_t kDoesNotSend = SIZE_MAX;
  struct Place {
    size_t room = 0;
    size_t slot = kDoesNotSend;  // among the senders of the room
  };
  struct Room {
    size_t receivers = 0;         // members that are not slow
    std::vector<size_t> senders;  // indexes of members
  };

  bool Stopped() const { return stopped || Interrupted(); }
  bool Interrupted() const { return plan.interrupted != nullptr && *plan.interrupted; }
  // The number of deliveries of `sent` messages to a room.
  uint64_t Expected(const Room& room, uint64_t sent) const {
    return sent * (room.receivers - (dialect.echoes_to_sender() ? 0 : 1));
  }

  const Plan plan;
  const Dialect& dialect;
  std::vector<Place> places;  // of all members
  std::vector<Room> rooms;
  size_t senders = 0, loops = 1;
  std::atomic<bool> stopped = false;             // a load has ended early
  std::atomic<size_t> ready = 0, caught_up = 0;  // connections
  std::atomic<bool> storm_over = false;          // all were ready, or had caught up, at one time
  std::atomic<size_t> sent_all = 0;  // loops whose senders have sent Load::messages_each
  Timeline timeline;
};

class Loop {
 public:
  Loop(Shared& shared, size_t number);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // `turn`: of a sender, its number among all senders.
  void Add(size_t index, Member member, size_t turn);

  // --- phases
  // Until all members of all loops are ready. Errors: std::runtime_error, as of Swarm::Connect.
  void Connect();
  // Sends what is due and reads what arrives, until a time, or until the load is stopped or done.
  void RunUntil(int64_t end, bool (Loop::*done)());
  // Only reads.
  void TurnUntil(int64_t end);
  // True for all loops at the same time.
  bool SentAll();
  bool StormIsOver();

  // --- between phases
  void Begin(const Load& load, int64_t start);
  // Messages that are due from `measured` to `end` are timed.
  void SetWindow(int64_t measured, int64_t end);
  void BeginMeasuring(int64_t from);
  // Ends the last second. Messages that were due later are not sent.
  void EndMeasuring(int64_t now);
  void BeginStorm(bool resume, int64_t now);
  void EndStorm() { storming_ = false; }
  // Closes all connections but those of senders; they return to the next endpoint.
  void Cut();
  // What was sent to and delivered in a room, by and to members of this loop.
  uint64_t sent_to(size_t room) const { return rooms_[room].sent; }
  uint64_t delivered_in(size_t room) const { return rooms_[room].delivered; }
  uint64_t in_flight() const { return in_flight_; }
  uint64_t progress() const { return progress_; }
  const Report& report() const { return report_; }
  const std::string& first_error() const { return first_error_; }
  // Faults of all loads until now.
  const Faults& faults() const { return faults_; }
  uint64_t duplicates() const { return duplicates_; }
  // Sets how many messages each sender of this loop has sent, by its index among the members.
  void WriteSent(std::vector<uint64_t>& sent) const;
  // Adds what is missing at the end of a load. `sent`: by all senders.
  void AddMissing(const std::vector<uint64_t>& sent, Report& report);

 private:
  friend class Client;
  struct RoomCount {
    uint64_t sent = 0, delivered = 0;
  };

  // swarm_io.cc
  void Open(Client& client);
  void Close(Client& client);
  // For Dialect::Framing::kBytes, whose connections have no greeting. Returns false if the TLS handshake failed.
  bool TakeOpening(Client& client);
  bool Read(Client& client);
  bool TakeResponse(Client& client, std::string_view& data);
  size_t TakeFrames(Client& client, std::string_view data);
  bool Flush(Client& client);
  ssize_t Receive(Client& client, char* into, size_t size);
  ssize_t Transmit(Client& client);
  void Watch(Client& client, bool writable);
  void Lose(Client& client);
  void Turn(int64_t nanos);
  void ResumeSlowReaders(int64_t now);
  // swarm_storm.cc
  int64_t OpenDue() const;
  void OpenWhatIsDue(int64_t now);
  // swarm_loop.cc
  bool MaySend(const Client& client) const;
  void Send(Client& client, int64_t due);
  void SendWaiting(Client& client);
  void SendWhatIsDue(int64_t now);
  int64_t DueOf(uint64_t number) const;
  int64_t UntilNext() const;
  void EndSecond();
  bool NoneIsDue() const;          // with Load::messages_each and a rate: none from now on
  void EndIfStalled(int64_t now);  // as Load::give_up has it
  // The text of the first error is kept, without control characters.
  void NoteError(std::string_view text);

  Shared& shared_;
  const Plan& plan_;
  const Dialect& dialect_;
  const size_t number_;               // of this loop
  TlsContext tls_{nullptr, nullptr};  // if an endpoint uses TLS
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<RoomCount> rooms_;
  std::vector<Client*> senders_;
  std::ofstream log_;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
  Load load_;
  Report report_;  // of this loop
  Faults faults_;
  std::string first_error_;
  Second second_;
  Histogram second_delivery_;
  int64_t start_ = 0, measured_ = 0, end_ = 0, second_end_ = 0, slow_round_ = 0;
  int64_t received_at_ = 0, progress_at_ = 0;
  uint64_t rated_ = 0, in_flight_ = 0, progress_ = 0, progress_seen_ = 0, duplicates_ = 0;
  // Of a storm: the next client that was not opened yet, and how many were; when it began.
  size_t to_open_ = 0, opened_ = 0, connecting_ = 0;
  int64_t storm_ = 0, retry_round_ = 0;
  int epoll_ = -1;
  bool measuring_ = false, storming_ = false, resuming_ = false, sent_all_ = false;
};

}  // namespace parley::loadgen

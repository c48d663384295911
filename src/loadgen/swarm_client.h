// The state of one connection of a Loop, and what a dialect reports about it. Internal to loadgen.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "loadgen/sequence_tracker.h"
#include "loadgen/swarm_loop.h"

namespace parley::loadgen {

class Client final : public Connection {
 public:
  Client(Loop& owner, size_t at, Member of)
      : loop(owner), position(at), self(std::move(of)), endpoint(self.endpoint) {}

  const Member& member() const override { return self; }
  size_t index() const override { return position; }
  uint64_t& state() override { return word; }
  void Write(std::string_view payload) override;
  void Ready(std::optional<int64_t> head) override;
  void CaughtUp() override;
  void Acknowledged(const Ack& ack) override;
  void Delivered(const Delivery& delivery) override;
  bool checked() const override { return sampled; }
  void DeliveredUnchecked() override;
  void Foreign(int64_t seq) override;
  void Refused(std::string_view text, std::optional<uint64_t> number) override;
  void ReconnectAfter(int64_t millis) override;

  void ObserveSeq(int64_t seq);
  // Removes a message that waits for an answer. Returns its due time; nullopt if it did not wait.
  std::optional<int64_t> Answered(uint64_t number);

  Loop& loop;
  const size_t position;  // in the swarm
  const Member self;
  size_t endpoint;  // of the next connection
  uint64_t word = 0;
  int fd = -1;
  std::optional<TlsConnection> tls;
  bool open = false, ready = false, writable = false, sampled = true;
  bool closed = false;  // the server sent a close frame
  size_t turn = 0;      // of a sender: its number among all senders
  std::string in, out;
  // A sender: the due times of messages that are not acknowledged, from number `first_due`; 0 is acknowledged.
  uint64_t sent = 0, acked = 0, first_due = 0;
  uint64_t limit = 0;                 // with Load::messages_each: `sent` at the end of the load
  std::deque<int64_t> dues, waiting;  // waiting: due, but the socket is full
  // A receiver: one tracker for each sender of the room, and one for the room's seq.
  std::vector<SequenceTracker> numbers;
  std::optional<SequenceTracker> seqs;
  int64_t next_slow_read = 0;
  // Of connecting: when it was due; when to try again, after a failure; as the server asked, or -1.
  int64_t connect_due = 0, next_open = 0, delay_millis = -1;
  bool caught_up = false;
};

}  // namespace parley::loadgen

// How the load generator speaks to one kind of server: how a connection authenticates and subscribes,
// how a message is encoded, and what a frame of the server means. Parley's dialect is ParleyDialect; a
// dialect for another server derives from Dialect and needs no other part of the generator.
//
// Threads: a dialect is shared by all threads of the generator and has no state of its own. The state of
// a connection is in Connection::state().
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/member.h"

namespace parley::loadgen {

// A message to send. The content carries the stamp; see stamp.h.
struct Outgoing {
  size_t sender = 0;    // index of the member in the swarm
  uint64_t number = 0;  // of the sender's messages, from 0, without gaps
  std::string_view client_id;
  std::string_view content;
};

// A message that a server delivered to a member of its room.
struct Delivery {
  size_t sender = 0;
  uint64_t number = 0;
  int64_t due = 0;                  // nanoseconds of Now(), from the stamp
  std::optional<int64_t> seq = {};  // the server's position in the room, if it has positions
};

// The server's acceptance of a message of this connection, or its answer to a request.
struct Ack {
  uint64_t number = 0;     // Outgoing::number
  size_t kind = 0;         // index into Dialect::kinds()
  bool duplicate = false;  // the server says that it had stored the message before
  std::string_view id = {}, seq = {}, client_id = {};  // for Plan::ack_log
};

// One connection, as a dialect sees it. A dialect calls these functions from OnOpen, OnText and OnBytes.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual const Member& member() const = 0;
  virtual size_t index() const = 0;  // of the member in the swarm
  // A word for the dialect, for example its step of the handshake; 0 after connecting.
  virtual uint64_t& state() = 0;
  // Sends a payload (framed, if the dialect uses WebSocket): a subscription, the answer to a heartbeat.
  virtual void Write(std::string_view payload) = 0;
  // The member is authenticated and receives the messages of its room from now on. `head`: the seq of
  // the newest message before.
  virtual void Ready(std::optional<int64_t> head = std::nullopt) = 0;
  // All missed messages have arrived, after a reconnect with the last seq.
  virtual void CaughtUp() = 0;
  virtual void Acknowledged(const Ack& ack) = 0;
  virtual void Delivered(const Delivery& delivery) = 0;
  // False if the messages of this connection are only counted; see Plan::sample. A dialect then need not read
  // them, and calls DeliveredUnchecked().
  virtual bool checked() const = 0;
  virtual void DeliveredUnchecked() = 0;
  // A message of the server's own numbering that another program sent: its seq counts, nothing else.
  virtual void Foreign(int64_t seq) = 0;
  // The server refused the message with this number, with its own text; without a number, another
  // command or the connection.
  virtual void Refused(std::string_view text, std::optional<uint64_t> number = std::nullopt) = 0;
  // The server closes the connection, and asks the client to reconnect after a time.
  virtual void ReconnectAfter(int64_t millis) = 0;
};

class Dialect {
 public:
  enum class Framing {
    kWebSocket,  // OnOpen after the 101, OnText for each text message; pings are answered
    kBytes,      // OnOpen after connecting, OnBytes for what arrives
  };

  virtual ~Dialect() = default;
  virtual Framing framing() const { return Framing::kWebSocket; }
  // False if the server acknowledges nothing.
  virtual bool acknowledges() const { return true; }
  // False if the server delivers a message to all members of the room except the sender.
  virtual bool echoes_to_sender() const { return true; }
  // False if messages are only answered, as requests of HTTP.
  virtual bool delivers() const { return true; }
  // True if a connection can send the next message only after the answer to the last one (HTTP).
  virtual bool one_at_a_time() const { return false; }
  // The kinds of requests, which are timed apart; empty if there is one kind.
  virtual std::vector<std::string> kinds() const { return {}; }

  // The request target of the upgrade, and further header lines, each with CRLF.
  virtual std::string Target(const Member& member) const { return member.path; }
  // The request target of a reconnect that resumes after the last seq that the client has.
  virtual std::string ResumeTarget(const Member& member, int64_t) const { return Target(member); }
  virtual std::string Headers(const Member&) const { return ""; }

  virtual void OnOpen(Connection&) const {}
  virtual void OnText(Connection&, std::string_view) const {}
  // Returns the number of bytes that it processed; the others come again with what follows.
  virtual size_t OnBytes(Connection&, std::string_view data) const { return data.size(); }
  // Appends the payload of a message to `out`.
  virtual void Encode(const Member& member, const Outgoing& message, std::string& out) const = 0;
};

}  // namespace parley::loadgen

// A connection: a stream socket, its outbox, and the protocol that it speaks now (HTTP first, then
// perhaps WebSocket). Owned by its shard; touched by that shard's thread alone.
//
// Reading: one wait, then non-blocking reads into the shard's receive buffer. Nothing is allocated
// while a connection is idle. What a protocol does not consume is kept here and shown again.
// Writing: frames gather in the outbox; the shard flushes at the end of its loop turn with one
// non-blocking gathering write, and waits for writability only after EAGAIN.
#pragma once
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "net/outbox.h"
#include "net/shard.h"
#include "net/tls.h"

namespace parley {

using StreamSocket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                      boost::asio::io_context::executor_type>;

// Who is at the other end. For a Unix socket the address is empty and the peer counts as local.
struct Peer {
  std::string address;
  bool loopback = false;
  bool tls = false;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  // New bytes, those left over the last time first. Returns how many were consumed; the rest is
  // kept. A protocol that cannot take more now calls PauseReading first.
  virtual size_t OnBytes(Connection& connection, std::span<char> bytes) = 0;
  // The peer will send no more.
  virtual void OnEndOfStream(Connection& connection) = 0;
  // The outbox has room again after it had not, or is empty after something was in it.
  virtual void OnDrained(Connection&) {}
  // About once a second.
  virtual void OnTick(Connection&, Monotonic) {}
  // The server stops: end in good order. `delay`: what to tell the client to wait before it comes
  // again.
  virtual void OnShutdown(Connection& connection, Duration delay) = 0;
  // The socket is closed; the protocol is destroyed soon after and must not use the connection.
  virtual void OnClosed(Connection&) {}
};

class Connection {
 public:
  // `outbox_limit`: bytes that Send may queue. `tls`: none for plain text.
  Connection(Shard& shard, StreamSocket socket, Peer peer, std::unique_ptr<Protocol> protocol,
             size_t outbox_limit, const TlsContext* tls = nullptr);
  ~Connection();

  void Start();

  ConnectionId id() const { return id_; }
  void set_id(ConnectionId id) { id_ = id; }
  Shard& shard() { return shard_; }
  const Peer& peer() const { return peer_; }

  // --- writing

  // Queues a frame unless the outbox is at its limit (or the connection is closing).
  SendStatus Send(const SharedBytes& frame) {
    if (outbox_.bytes() >= outbox_limit_ || closing_) return SendStatus::kFull;
    Queue(frame);
    return SendStatus::kQueued;
  }
  // Queues what must not be lost (acks, errors, responses), whatever is queued already; whoever
  // calls this stops reading while HasRoom() is false, which bounds it.
  void Answer(SharedBytes frame) {
    if (!closing_) Queue(std::move(frame));
  }
  // Has OnDrained called when less than that is queued.
  void TellWhenBelow(size_t bytes) { drain_mark_ = bytes; }
  size_t outbox_limit() const { return outbox_limit_; }
  bool HasRoom() const { return outbox_.bytes() < outbox_limit_; }
  const Outbox& outbox() const { return outbox_; }
  void Flush();
  // When bytes last moved to the peer, or when the outbox last became non-empty.
  Monotonic last_progress() const { return last_progress_; }

  // --- reading

  void PauseReading() { reading_paused_ = true; }
  // What was kept is shown to the protocol first. Safe to call inside OnBytes.
  void ResumeReading();
  bool reading_paused() const { return reading_paused_; }

  // Another protocol takes over, from inside OnBytes of the present one, which lives on until the
  // present turn has ended.
  void SwitchProtocol(std::unique_ptr<Protocol> next);
  Protocol& protocol() { return *protocol_; }

  // --- ending

  // Writes what is queued, then closes. The rest is given up when no byte moves for `stall`. After
  // the last byte, what the peer still sends is read and thrown away for at most `drain`, so that
  // unread bytes do not reset the connection; with a drain of 0 it closes at once.
  void CloseAfterFlush(Duration stall, Duration drain);
  // Forgets what is queued and not begun, and lets the kernel take the little that still comes: for
  // the last words to a reader that does not read.
  void DropQueued();
  // Closes now.
  void Abort();
  bool closing() const { return closing_ || closed_; }

  void Tick(Monotonic now);
  void Shutdown(Duration delay) {
    if (!closing()) protocol_->OnShutdown(*this, delay);
  }

 private:
  void Queue(SharedBytes frame);
  ssize_t Receive(std::span<char> into);
  ssize_t Transmit(std::span<iovec> parts);
  void WaitReadable();
  void WaitWritable();
  void OnReadable();
  void ReadOnLater();
  // Shows `bytes` to the protocol; keeps what it leaves.
  void Feed(std::span<char> bytes);
  void FeedKept();
  void FinishWriting();
  void Discard();
  void Close();
  void ReleaseWhenIdle();

  Shard& shard_;
  StreamSocket socket_;
  Peer peer_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<Protocol> next_protocol_;
  std::unique_ptr<TlsStream> tls_;
  Outbox outbox_;
  const size_t outbox_limit_;
  std::unique_ptr<std::string> kept_;  // bytes not consumed yet
  Monotonic last_progress_;
  Monotonic close_deadline_{};
  Duration close_stall_{0}, close_drain_{0};  // as CloseAfterFlush was told
  ConnectionId id_;
  size_t drain_mark_ = 0;      // OnDrained is due when less than that is queued
  uint8_t pending_waits_ = 0;  // handlers that still refer to this connection
  bool waiting_readable_ = false;
  bool waiting_writable_ = false;
  bool in_flush_list_ = false;
  bool reading_paused_ = false;
  bool feeding_ = false;
  bool end_of_stream_ = false;
  bool closing_ = false;     // nothing more is queued
  bool discarding_ = false;  // all is written; waiting for the peer to end too
  bool closed_ = false;
  bool released_ = false;
};

}  // namespace parley

// A connection: a stream socket, its outbox, and its current protocol (first HTTP, then possibly
// WebSocket). Its shard owns it. Threads: the shard's only.
//
// Reading: the shard's reactor reports that the socket is readable, once (`readable_` remembers it);
// then non-blocking reads go into the shard's receive buffer. An idle connection allocates nothing. Bytes
// that a protocol does not consume are kept and passed to it again.
// Writing: frames gather in the outbox; the shard flushes them at the end of the event loop iteration
// with one non-blocking gathering write. After EAGAIN, the reactor reports when the socket is writable.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "net/outbox.h"
#include "net/reactor.h"
#include "net/shard.h"
#include "net/socket_fd.h"
#include "net/tls.h"

namespace parley {

// The peer of a connection. For a Unix socket the address is empty and the peer counts as local.
struct Peer {
  std::string address;
  bool loopback = false;
  bool tls = false;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  // Processes bytes, beginning with those left over from the last call. Returns the number of consumed
  // bytes; the rest is kept. A protocol that cannot process more calls PauseReading first.
  virtual size_t OnBytes(Connection& connection, std::span<char> bytes) = 0;
  // The peer has closed its sending side.
  virtual void OnEndOfStream(Connection& connection) = 0;
  // The outbox has room again after it was full, or has become empty.
  virtual void OnDrained(Connection&) {}
  // Called about once a second.
  virtual void OnTick(Connection&, Monotonic) {}
  // The server is shutting down: close gracefully. `delay`: the reconnect delay for the client.
  virtual void OnShutdown(Connection& connection, Duration delay) = 0;
  // The socket is closed; the protocol is destroyed soon after and must not use the connection.
  virtual void OnClosed(Connection&) {}
};

class Connection {
 public:
  // `socket`: non-blocking. `outbox_limit`: maximum bytes that Send queues. `tls`: null for plain text.
  Connection(Shard& shard, SocketFd socket, Peer peer, std::unique_ptr<Protocol> protocol,
             size_t outbox_limit, const TlsContext* tls = nullptr);
  ~Connection();

  // Called once, after Shard::Adopt. Closes the connection if the kernel refuses to watch it.
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
  // Like Send, for frames of which many may follow within a tick (presence). The first ones of the shard in
  // a tick are written at once; then a frame waits for the next tick (GatherPace: for up to 10), or for any other
  // frame.
  SendStatus SendGathered(const SharedBytes& frame);
  // Queues a response that must not be lost (ack, error), regardless of the limit. The caller stops
  // reading while HasRoom() is false, which bounds the queue.
  void Answer(SharedBytes frame) {
    if (!closing_) Queue(std::move(frame));
  }
  // Calls OnDrained once fewer bytes than this are queued.
  void NotifyWhenBelow(size_t bytes) { drain_mark_ = bytes; }
  size_t outbox_limit() const { return outbox_limit_; }
  bool HasRoom() const { return outbox_.bytes() < outbox_limit_; }
  const Outbox& outbox() const { return outbox_; }
  void Flush();
  // Writes what SendGathered has queued. Called at a tick.
  void FlushGathered();
  // When bytes last moved to the peer, or when the outbox last became non-empty.
  Monotonic last_progress() const { return last_progress_; }

  // --- reading

  void PauseReading() { reading_paused_ = true; }
  // Passes kept bytes to the protocol first. Can be called inside OnBytes.
  void ResumeReading();
  bool reading_paused() const { return reading_paused_; }

  // Replaces the protocol, from inside OnBytes of the current one, which is destroyed at the end of the
  // event loop iteration.
  void SwitchProtocol(std::unique_ptr<Protocol> next);
  Protocol& protocol() { return *protocol_; }

  // --- from the shard
  void OnReady(Readiness readiness);
  // What ReadLater asked for.
  void ReadOn();

  // --- ending

  // Writes the queue, then closes. Aborts if no byte can be written for `stall`. After the last byte,
  // input from the peer is read and discarded for at most `drain`, so that unread bytes do not reset the
  // connection; with a drain of 0 it closes at once.
  void CloseAfterFlush(Duration stall, Duration drain);
  // Drops queued frames that are not partly written, and raises the kernel's limit of unsent bytes, so
  // that a last frame can be sent to a reader that does not read.
  void DropQueued();
  // Closes at once.
  void Abort();
  bool closing() const { return closing_ || closed_; }

  void Tick(Monotonic now);
  void Shutdown(Duration delay) {
    if (!closing()) protocol_->OnShutdown(*this, delay);
  }

 private:
  void Queue(SharedBytes frame) {
    Push(std::move(frame));
    FlushSoon();
  }
  void Push(SharedBytes frame);
  void FlushSoon();
  ssize_t Receive(std::span<char> into);
  ssize_t Transmit(std::span<iovec> parts);
  bool WaitWritable();  // false: the kernel refuses
  void Read();
  // Calls ReadOn from the event loop: the caller may be inside the protocol, or has read enough.
  void ReadLater();
  // Passes `bytes` to the protocol and keeps unconsumed ones.
  void Feed(std::span<char> bytes);
  void FeedKept();
  void FinishWriting();
  void Discard();
  void Close();

  Shard& shard_;
  SocketFd socket_;
  Peer peer_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<Protocol> next_protocol_;
  std::unique_ptr<TlsStream> tls_;
  Outbox outbox_;
  const size_t outbox_limit_;
  std::unique_ptr<std::string> kept_;  // bytes not consumed yet
  Monotonic last_progress_;
  Monotonic close_deadline_{};
  Duration close_stall_{0}, close_drain_{0};  // from CloseAfterFlush
  ConnectionId id_;
  size_t drain_mark_ = 0;           // call OnDrained when fewer bytes than this are queued
  bool readable_ = false;           // reported since a read has last emptied the socket
  bool peer_ended_ = false;         // the reactor will not report the end of the stream again
  bool watching_writable_ = false;  // the reactor reports it
  bool waiting_writable_ = false;
  bool read_later_ = false;
  bool in_flush_list_ = false;
  bool in_tick_list_ = false;
  bool reading_paused_ = false;
  bool feeding_ = false;
  bool end_of_stream_ = false;
  bool closing_ = false;     // no further frames are queued
  bool discarding_ = false;  // the queue is written; waiting for the peer to close
  bool closed_ = false;
};

}  // namespace parley

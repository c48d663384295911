#include "net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>

namespace parley {
namespace {

constexpr size_t kGatherParts = 64;
// Maximum reads of one connection in a row, for fairness.
constexpr int kReadsPerTurn = 4;

}  // namespace

Connection::Connection(Shard& shard, StreamSocket socket, Peer peer,
                       std::unique_ptr<Protocol> protocol, size_t outbox_limit,
                       const TlsContext* tls)
    : shard_(shard),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      protocol_(std::move(protocol)),
      outbox_limit_(outbox_limit),
      last_progress_(shard.recent()) {
  if (tls == nullptr) return;
  tls_ = std::make_unique<TlsStream>(*tls, socket_.native_handle());
  peer_.tls = true;
}

Connection::~Connection() = default;

void Connection::Start() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  WaitReadable();
}

// --- writing

void Connection::Queue(SharedBytes frame) {
  if (outbox_.empty()) last_progress_ = shard_.recent();
  outbox_.Push(std::move(frame));
  // Waits until the outbox is half empty, so that a slow reader does not alternate between states
  // with every frame.
  if (outbox_.bytes() >= outbox_limit_) NotifyWhenBelow(outbox_limit_ / 2 + 1);
  if (!in_flush_list_ && !waiting_writable_) {
    in_flush_list_ = true;
    shard_.FlushSoon(*this);
  }
}

ssize_t Connection::Receive(std::span<char> into) {
  if (tls_ != nullptr) return tls_->Read(into);
  return ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
}

ssize_t Connection::Transmit(std::span<iovec> parts) {
  if (tls_ != nullptr) return tls_->Write(parts);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Connection::Flush() {
  in_flush_list_ = false;
  if (closed_) return;
  bool wrote = false;
  while (!outbox_.empty()) {
    iovec parts[kGatherParts];
    const ssize_t n = Transmit({parts, outbox_.Gather(parts)});
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return Close();
    }
    outbox_.Consume(static_cast<size_t>(n));
    shard_.CountWritten(static_cast<size_t>(n));
    wrote = true;
  }
  if (!outbox_.empty()) {
    if (wrote) {
      last_progress_ = shard_.recent();
      if (closing_) close_deadline_ = last_progress_ + close_stall_;
    }
    WaitWritable();
  } else if (closing_) {
    return FinishWriting();
  }
  if (outbox_.bytes() < drain_mark_) {
    drain_mark_ = 0;
    protocol_->OnDrained(*this);
  }
}

void Connection::WaitWritable() {
  if (waiting_writable_) return;
  waiting_writable_ = true;
  ++pending_waits_;
  socket_.async_wait(StreamSocket::wait_write, [this](const boost::system::error_code& error) {
    --pending_waits_;
    waiting_writable_ = false;
    if (closed_) return ReleaseWhenIdle();
    if (error) return Close();
    Flush();
    // A TLS handshake may have waited for this before it could read.
    if (tls_ != nullptr && !closing_ && !reading_paused_) OnReadable();
  });
}

// --- reading

void Connection::WaitReadable() {
  if (waiting_readable_ || closed_ || end_of_stream_) return;
  waiting_readable_ = true;
  ++pending_waits_;
  socket_.async_wait(StreamSocket::wait_read, [this](const boost::system::error_code& error) {
    --pending_waits_;
    waiting_readable_ = false;
    if (closed_) return ReleaseWhenIdle();
    if (error) return Close();
    if (discarding_) return Discard();
    if (!reading_paused_) OnReadable();
  });
}

void Connection::OnReadable() {
  const std::span<char> buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerTurn && !reading_paused_ && !closing_; ++i) {
    const ssize_t n = Receive(buffer);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return Close();
    }
    if (n == 0) {
      end_of_stream_ = true;
      protocol_->OnEndOfStream(*this);
      return;
    }
    Feed(buffer.first(static_cast<size_t>(n)));
    if (tls_ == nullptr && static_cast<size_t>(n) < buffer.size()) break;
  }
  if (reading_paused_ || closing_) return;
  if (tls_ != nullptr && tls_->HasPending()) return ReadOnLater();
  WaitReadable();
}

void Connection::Feed(std::span<char> bytes) {
  if (kept_ != nullptr) {
    kept_->append(bytes.data(), bytes.size());
    return FeedKept();
  }
  feeding_ = true;
  while (!bytes.empty() && !closing_ && !reading_paused_) {
    const size_t consumed = protocol_->OnBytes(*this, bytes);
    bytes = bytes.subspan(consumed);
    if (next_protocol_ != nullptr) {
      protocol_ = std::move(next_protocol_);
    } else if (consumed == 0) {
      break;
    }
  }
  feeding_ = false;
  if (!bytes.empty() && !closing_)
    kept_ = std::make_unique<std::string>(bytes.data(), bytes.size());
}

void Connection::FeedKept() {
  const std::unique_ptr<std::string> bytes = std::move(kept_);
  Feed({bytes->data(), bytes->size()});
}

void Connection::ResumeReading() {
  if (!reading_paused_ || closed_) return;
  reading_paused_ = false;
  if (!feeding_) ReadOnLater();
}

// Runs from the event loop: the caller may be inside the protocol.
void Connection::ReadOnLater() {
  ++pending_waits_;
  boost::asio::post(shard_.io(), [this] {
    --pending_waits_;
    if (closed_) return ReleaseWhenIdle();
    if (reading_paused_ || closing_) return;
    if (kept_ != nullptr) FeedKept();
    if (reading_paused_ || closing_) return;
    if (end_of_stream_) return protocol_->OnEndOfStream(*this);
    if (tls_ != nullptr && tls_->HasPending()) return OnReadable();
    WaitReadable();
  });
}

void Connection::SwitchProtocol(std::unique_ptr<Protocol> next) {
  next_protocol_ = std::move(next);
}

// --- closing

void Connection::CloseAfterFlush(Duration stall, Duration drain) {
  if (closing_ || closed_) return;
  closing_ = true;
  kept_.reset();
  close_stall_ = stall;
  close_drain_ = drain;
  close_deadline_ = shard_.clock().Steady() + stall;
  if (!in_flush_list_) {
    in_flush_list_ = true;
    shard_.FlushSoon(*this);
  }
}

void Connection::DropQueued() {
  outbox_.DropUnstarted(tls_ == nullptr ? 0 : tls_->owed());
  const int unlimited = -1;
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unlimited,
               sizeof unlimited);
}

// All data is written. Shuts down the sending side and discards input until the peer closes:
// closing with unread input would reset the connection and could destroy the last frames in
// transit.
void Connection::FinishWriting() {
  if (discarding_) return;
  discarding_ = true;
  close_deadline_ = shard_.clock().Steady() + close_drain_;
  if (end_of_stream_) return Close();
  if (tls_ != nullptr) tls_->Finish();
  ::shutdown(socket_.native_handle(), SHUT_WR);
  if (close_drain_ == Duration(0)) return Close();
  WaitReadable();
}

void Connection::Discard() {
  const std::span<char> buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t n = Receive(buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n <= 0) return Close();
  }
  WaitReadable();
}

void Connection::Abort() {
  if (closed_) return;
  Close();
}

void Connection::Close() {
  if (closed_) return;
  kept_.reset();
  closed_ = closing_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  protocol_->OnClosed(*this);
  ReleaseWhenIdle();
}

void Connection::ReleaseWhenIdle() {
  if (pending_waits_ > 0 || released_) return;
  released_ = true;
  shard_.Release(*this);
}

void Connection::Tick(Monotonic now) {
  if (closed_) return;
  if (closing_ && now >= close_deadline_) return Close();
  protocol_->OnTick(*this, now);
}

}  // namespace parley

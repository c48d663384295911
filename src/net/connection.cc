#include "net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace parley {
namespace {

constexpr size_t kGatherParts = 64;
// Maximum reads of one connection in a row, for fairness.
constexpr int kReadsPerTurn = 4;

}  // namespace

Connection::Connection(Shard& shard, SocketFd socket, Peer peer, std::unique_ptr<Protocol> protocol,
                       size_t outbox_limit, const TlsContext* tls)
    : shard_(shard),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      protocol_(std::move(protocol)),
      outbox_limit_(outbox_limit),
      last_progress_(shard.recent()) {
  if (tls == nullptr) return;
  tls_ = std::make_unique<TlsStream>(*tls, socket_.get());
  peer_.tls = true;
}

Connection::~Connection() = default;

void Connection::Start() {
  if (!shard_.Watch(socket_.get(), id_)) Close();
}

// --- writing

void Connection::Push(SharedBytes frame) {
  if (outbox_.empty()) last_progress_ = shard_.recent();
  outbox_.Push(std::move(frame));
  // Waits until the outbox is half empty, so that a slow reader does not alternate between states
  // with every frame.
  if (outbox_.bytes() >= outbox_limit_) NotifyWhenBelow(outbox_limit_ / 2 + 1);
}

void Connection::FlushSoon() {
  if (in_flush_list_ || waiting_writable_) return;
  in_flush_list_ = true;
  shard_.FlushSoon(*this);
}

SendStatus Connection::SendGathered(const SharedBytes& frame) {
  if (shard_.TakePromptWrite()) return Send(frame);
  if (!HasRoom() || closing_) return SendStatus::kFull;
  Push(frame);
  if (!std::exchange(in_tick_list_, true)) shard_.FlushAtTick(*this);
  return SendStatus::kQueued;
}

void Connection::FlushGathered() {
  in_tick_list_ = false;
  if (!outbox_.empty()) FlushSoon();
}

ssize_t Connection::Receive(std::span<char> into) {
  if (tls_ != nullptr) return tls_->Read(into);
  return ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
}

ssize_t Connection::Transmit(std::span<iovec> parts) {
  if (tls_ != nullptr) return tls_->Write(parts);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Connection::Flush() {
  in_flush_list_ = false;
  waiting_writable_ = false;
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
    if (!WaitWritable()) return Close();
  } else if (closing_) {
    return FinishWriting();
  }
  if (outbox_.bytes() < drain_mark_) {
    drain_mark_ = 0;
    protocol_->OnDrained(*this);
  }
}

bool Connection::WaitWritable() {
  waiting_writable_ = true;
  return std::exchange(watching_writable_, true) || shard_.WatchWritable(socket_.get(), id_);
}

// --- reading

void Connection::OnReady(Readiness readiness) {
  readable_ |= readiness.readable;
  peer_ended_ |= readiness.ended;
  // TLS may have to read before it can write, and the other way round.
  if (waiting_writable_ && (readiness.writable || tls_ != nullptr)) {
    Flush();
    readable_ |= tls_ != nullptr;
  }
  if (closed_ || !readable_ || read_later_) return;
  if (discarding_) return Discard();
  if (!reading_paused_ && !closing_) Read();
}

void Connection::ReadOn() {
  read_later_ = false;
  if (discarding_) return Discard();
  if (reading_paused_ || closing_) return;
  if (kept_ != nullptr) FeedKept();
  if (reading_paused_ || closing_) return;
  if (end_of_stream_) return protocol_->OnEndOfStream(*this);
  if (readable_ || (tls_ != nullptr && tls_->HasPending())) Read();
}

void Connection::Read() {
  if (end_of_stream_) return;
  const std::span<char> buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerTurn && !reading_paused_ && !closing_; ++i) {
    const ssize_t n = Receive(buffer);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Close();
      readable_ = false;
      return;
    }
    if (n == 0) {
      end_of_stream_ = true;
      readable_ = false;
      protocol_->OnEndOfStream(*this);
      return;
    }
    // A short read has emptied the socket, unless the end of the stream is left, which was reported.
    if (tls_ == nullptr && static_cast<size_t>(n) < buffer.size() && !peer_ended_) {
      readable_ = false;
    }
    Feed(buffer.first(static_cast<size_t>(n)));
    if (!readable_) return;
  }
  if (!reading_paused_ && !closing_) ReadLater();
}

void Connection::ReadLater() {
  if (std::exchange(read_later_, true)) return;
  shard_.ReadLater(*this);
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
  if (!feeding_) ReadLater();
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
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unlimited, sizeof unlimited);
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
  ::shutdown(socket_.get(), SHUT_WR);
  if (close_drain_ == Duration(0)) return Close();
  if (readable_) ReadLater();
}

void Connection::Discard() {
  const std::span<char> buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t n = Receive(buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      readable_ = false;
      return;
    }
    if (n <= 0) return Close();
  }
  ReadLater();
}

void Connection::Abort() {
  if (closed_) return;
  Close();
}

void Connection::Close() {
  if (closed_) return;
  kept_.reset();
  closed_ = closing_ = true;
  socket_.Close();
  protocol_->OnClosed(*this);
  shard_.Release(*this);
}

void Connection::Tick(Monotonic now) {
  if (closed_) return;
  if (closing_ && now >= close_deadline_) return Close();
  protocol_->OnTick(*this, now);
}

}  // namespace parley

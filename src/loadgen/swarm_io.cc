// The sockets of a Loop: opening, reading, writing and waiting.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "loadgen/client_frames.h"
#include "loadgen/stamp.h"
#include "loadgen/swarm_client.h"

namespace parley::loadgen {

namespace {

constexpr size_t kMostIn = size_t{16} << 20;  // bytes of an incomplete answer or frame

std::string CloseText(const ServerFrame& frame) {
  std::string text = "the server closed the connection";
  if (frame.payload.size() < 2) return text;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(frame.payload[i]); };
  text += " with code " + std::to_string(byte(0) << 8 | byte(1));
  return frame.payload.size() == 2 ? text : text + ": " + std::string(frame.payload.substr(2));
}

}  // namespace

void Loop::Open(Client& client) {
  const Endpoint& endpoint = plan_.endpoints.at(client.endpoint);
  ++connecting_;
  client.fd = ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client.fd < 0) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
  const int on = 1, small = 4096;
  if (client.self.slow) ::setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (::connect(client.fd, address, endpoint.address_bytes) != 0 && errno != EINPROGRESS) {
    throw std::runtime_error("connect to " + endpoint.host + ": " + std::strerror(errno));
  }
  if (endpoint.tls) client.tls.emplace(tls_.get(), client.fd, endpoint);
  if (dialect_.framing() == Dialect::Framing::kWebSocket) {
    const std::string target =
        resuming_ && client.seqs
            ? dialect_.ResumeTarget(client.self, static_cast<int64_t>(client.seqs->next()) - 1)
            : dialect_.Target(client.self);
    client.out = "GET " + target + " HTTP/1.1\r\nHost: " + endpoint.host + "\r\n" +
                 dialect_.Headers(client.self) +
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  }
  client.writable = true;
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &client}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
}

void Loop::Watch(Client& client, bool writable) {
  if (client.writable == writable) return;
  client.writable = writable;
  epoll_event event{.events = EPOLLIN | (writable ? EPOLLOUT : 0U), .data = {.ptr = &client}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
}

// With TLS, errors are the connection's.
ssize_t Loop::Receive(Client& client, char* into, size_t size) {
  if (!client.tls) return ::recv(client.fd, into, size, 0);
  const ssize_t got = client.tls->Read(into, size);
  NoteError(client.tls->error());
  return got;
}

ssize_t Loop::Transmit(Client& client) {
  if (!client.tls) return ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
  const ssize_t sent = client.tls->Write(client.out);
  NoteError(client.tls->error());
  return sent;
}

bool Loop::Flush(Client& client) {
  bool blocked = false;
  if (!client.out.empty()) {
    const ssize_t sent = Transmit(client);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return false;
    if (sent > 0) client.out.erase(0, static_cast<size_t>(sent));
    // A handshake that waits for the server continues after its answer, not when the socket is writable.
    blocked = sent < 0 && client.tls && !client.tls->wants_to_write();
  }
  Watch(client, !client.out.empty() && !blocked);
  return true;
}

// Resets what belongs to one connection, and keeps what belongs to the client.
void Loop::Close(Client& client) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd, nullptr);
  ::close(client.fd);
  client.fd = -1;
  client.tls.reset();
  if (client.ready) {
    --shared_.ready;
  } else {
    --connecting_;
  }
  if (client.caught_up) --shared_.caught_up;
  client.open = client.ready = client.caught_up = client.closed = false;
  client.word = 0;
  client.in.clear();
  client.out.clear();
}

// Outside of a storm the connection stays closed, and the load ends.
void Loop::Lose(Client& client) {
  const bool ready = client.ready;
  const int64_t delay = std::exchange(client.delay_millis, -1);
  Close(client);
  if (storming_) {
    client.next_open = Now() + (delay >= 0 ? delay * kMillisecond : kSecond);
    if (delay < 0) return ++(ready ? faults_.lost_connections : faults_.failed_connects), void();
    ++report_.postponed;
    if (delay == 0) ++report_.postponed_without_delay;
    return;
  }
  ++faults_.lost_connections;
  if (!client.self.slow) shared_.stopped = true;
}

// Removes the response to the upgrade. Returns false if it is not a 101.
bool Loop::TakeResponse(Client& client, std::string_view& data) {
  const size_t end = data.find("\r\n\r\n");
  if (end == data.npos) return true;
  if (!data.starts_with("HTTP/1.1 101")) {
    const std::string_view line = data.substr(0, data.find("\r\n"));
    NoteError(line.starts_with("HTTP/") ? line : "the server does not answer in HTTP");
    return false;
  }
  data.remove_prefix(end + 4);
  client.open = true;
  dialect_.OnOpen(client);
  return true;
}

size_t Loop::TakeFrames(Client& client, std::string_view data) {
  size_t at = 0;
  for (;;) {
    const ServerFrame frame = FirstFrame(data.substr(at));
    if (frame.bytes == 0) return at;
    at += frame.bytes;
    if (frame.opcode == WsOpcode::kText) dialect_.OnText(client, frame.payload);
    if (frame.opcode == WsOpcode::kPing)
      AppendClientFrame(client.out, WsOpcode::kPong, frame.payload);
    if (frame.opcode != WsOpcode::kClose) continue;
    if (client.delay_millis < 0) NoteError(CloseText(frame));
    AppendClientFrame(client.out, WsOpcode::kClose, frame.payload.substr(0, 2));
    client.closed = true;
    return data.size();
  }
}

bool Loop::Read(Client& client) {
  // What TLS has decrypted would not wake epoll again: a slow reader of TLS takes a whole record.
  const size_t slow = client.tls ? size_t{16} * 1024 : 1024;
  const size_t most = client.self.slow && client.ready ? slow : buffer_.size();
  const ssize_t got = Receive(client, buffer_.data(), most);
  if (got < 0 && errno == EAGAIN) return true;
  if (got < 0 && client.delay_millis < 0) NoteError(std::strerror(errno));
  if (got <= 0) return false;
  received_at_ = Now();
  if (measuring_) report_.bytes += static_cast<uint64_t>(got);
  std::string_view data(buffer_.data(), static_cast<size_t>(got));
  if (!client.in.empty()) data = client.in.append(data);
  if (!client.open && !TakeResponse(client, data)) return false;
  if (client.open) {
    data.remove_prefix(dialect_.framing() == Dialect::Framing::kBytes
                           ? dialect_.OnBytes(client, data)
                           : TakeFrames(client, data));
  }
  if (client.closed) {
    Flush(client);
    return false;
  }
  if (data.size() > kMostIn) {
    NoteError("the server sent an answer or a frame of more than 16 MiB");
    return false;
  }
  std::string rest(data);
  client.in.swap(rest);
  return true;
}

bool Loop::TakeOpening(Client& client) {
  if (client.tls && client.tls->Handshake() < 0) {
    const bool goes_on = errno == EAGAIN;
    NoteError(client.tls->error());
    if (goes_on) Watch(client, client.tls->wants_to_write());
    return goes_on;
  }
  client.open = true;
  received_at_ = Now();
  dialect_.OnOpen(client);
  return true;
}

void Loop::Turn(int64_t nanos) {
  const timespec timeout{.tv_sec = nanos / kSecond, .tv_nsec = nanos % kSecond};
  const auto most = static_cast<int>(events_.size());
  int count = ::epoll_pwait2(epoll_, events_.data(), most, &timeout, nullptr);
  if (count < 0 && errno == ENOSYS) {  // before Linux 5.11
    count = ::epoll_wait(epoll_, events_.data(), most, static_cast<int>(nanos / 1'000'000));
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    auto& client = *static_cast<Client*>(event.data.ptr);
    if (client.fd < 0) continue;
    const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    if (!client.open && !failed && dialect_.framing() == Dialect::Framing::kBytes) {
      if (!TakeOpening(client)) Lose(client);
      if (!client.open) continue;
    }
    const bool readable = failed || (event.events & EPOLLIN) != 0;
    if ((readable && !Read(client)) || !Flush(client)) {
      Lose(client);
      continue;
    }
    if (Now() < end_) SendWaiting(client);
    if (client.self.slow && client.ready && readable && client.fd >= 0) {
      client.next_slow_read = Now() + kSecond;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd, nullptr);
    }
  }
}

void Loop::ResumeSlowReaders(int64_t now) {
  for (const auto& client : clients_) {
    if (!client->self.slow || client->fd < 0 || client->next_slow_read > now) continue;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = client.get()}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client->fd, &event);
    client->writable = false;
    client->next_slow_read = INT64_MAX;
  }
}

}  // namespace parley::loadgen

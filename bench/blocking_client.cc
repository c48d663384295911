#include "bench/blocking_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace parley::bench {
namespace {

constexpr time_t kSilenceSeconds = 60;

std::runtime_error Failed(const char* call) {
  return std::runtime_error(std::string(call) + ": " + std::strerror(errno));
}

void AppendBigEndian(std::string& out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
}

bool HasType(std::string_view frame, std::string_view type) {
  constexpr std::string_view kStart = "{\"type\":\"";
  if (!frame.starts_with(kStart)) return false;
  const std::string_view rest = frame.substr(kStart.size());
  return rest.starts_with(type) && rest.substr(type.size()).starts_with('"');
}

}  // namespace

std::string MaskedFrame(std::string_view payload, uint32_t mask) {
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    frame += static_cast<char>(0x80 | 126);
    AppendBigEndian(frame, payload.size(), 2);
  } else {
    frame += static_cast<char>(0x80 | 127);
    AppendBigEndian(frame, payload.size(), 8);
  }
  const size_t key = frame.size();
  AppendBigEndian(frame, mask, 4);
  for (size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(payload[i] ^ frame[key + i % 4]);
  }
  return frame;
}

BlockingClient::BlockingClient(uint16_t port, std::string_view path, std::string_view token)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) throw Failed("socket");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval silence{.tv_sec = kSilenceSeconds, .tv_usec = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw Failed("connect");
  }
  Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
       std::string(token) +
       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  size_t end;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) ReadMore();
  if (in_.substr(0, 12) != "HTTP/1.1 101") throw std::runtime_error("refused: " + in_);
  at_ = end + 4;
  WaitFor("connection_established");
}

BlockingClient::~BlockingClient() {
  if (fd_ >= 0) ::close(fd_);
}

BlockingClient::BlockingClient(BlockingClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), in_(std::move(other.in_)), at_(other.at_) {}

void BlockingClient::Send(std::string_view bytes) {
  if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    throw Failed("send");
  }
}

void BlockingClient::ReadMore() {
  in_.erase(0, std::exchange(at_, 0));
  const size_t had = in_.size();
  in_.resize(had + 65536);
  const ssize_t got = ::recv(fd_, in_.data() + had, in_.size() - had, 0);
  if (got < 0) throw Failed("recv");
  if (got == 0) throw std::runtime_error("recv: the server has closed the connection");
  in_.resize(had + static_cast<size_t>(got));
}

std::string_view BlockingClient::NextFrame() {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(in_[at_ + i]); };
  while (true) {
    if (in_.size() - at_ >= 2) {
      const size_t short_length = byte(1) & 0x7F;
      const size_t more = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
      if (in_.size() - at_ >= 2 + more) {
        size_t length = more == 0 ? short_length : 0;
        for (size_t i = 0; i < more; ++i) length = length << 8 | byte(2 + i);
        const size_t head = 2 + more;
        if (in_.size() - at_ >= head + length) {
          if ((byte(0) & 0x0F) == 8) throw std::runtime_error("the server has sent a close frame");
          const std::string_view payload(in_.data() + at_ + head, length);
          at_ += head + length;
          return payload;
        }
      }
    }
    ReadMore();
  }
}

std::string_view BlockingClient::NextOf(std::string_view one, std::string_view other) {
  while (true) {
    const std::string_view frame = NextFrame();
    if (HasType(frame, one) || HasType(frame, other)) return frame;
    if (HasType(frame, "error")) throw std::runtime_error(std::string(frame));
  }
}

std::string_view BlockingClient::WaitFor(std::string_view type) { return NextOf(type, type); }

void BlockingClient::WaitForBoth(std::string_view one, std::string_view other) {
  WaitFor(HasType(NextOf(one, other), one) ? other : one);
}

}  // namespace parley::bench

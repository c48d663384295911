// The limit to measure against: one epoll loop that frames each message once and sends it to every
// open socket with one gathered write per socket and turn. No JSON, no store, no checks, no bounds.
//
//   raw_epoll_server PORT [BYTES]     BYTES: pad each message to this size (0: unchanged)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Peer {
  int fd = -1;
  bool open = false;  // upgraded
  std::string in;
  std::string out;  // what the kernel did not take
};

std::vector<std::unique_ptr<Peer>> peers;
std::vector<std::string> turn;  // frames of this turn
size_t pad = 0;

void Write(Peer& peer, int epoll) {
  std::vector<iovec> parts;
  if (!peer.out.empty()) parts.push_back({peer.out.data(), peer.out.size()});
  for (std::string& frame : turn) {
    if (parts.size() == 1000) break;
    parts.push_back({frame.data(), frame.size()});
  }
  if (parts.empty()) return;
  ssize_t written = ::writev(peer.fd, parts.data(), static_cast<int>(parts.size()));
  if (written < 0) written = 0;
  std::string rest;
  for (const iovec& part : parts) {
    const auto done = std::min<size_t>(static_cast<size_t>(written), part.iov_len);
    written -= static_cast<ssize_t>(done);
    rest.append(static_cast<const char*>(part.iov_base) + done, part.iov_len - done);
  }
  for (size_t i = parts.size() - (peer.out.empty() ? 0 : 1); i < turn.size(); ++i) rest += turn[i];
  const bool waited = !peer.out.empty();
  peer.out = std::move(rest);
  if (waited != !peer.out.empty()) {
    epoll_event event{.events = EPOLLIN | (peer.out.empty() ? 0U : EPOLLOUT),
                      .data = {.ptr = &peer}};
    ::epoll_ctl(epoll, EPOLL_CTL_MOD, peer.fd, &event);
  }
}

void AddFrame(std::string payload) {
  if (payload.size() < pad) payload.resize(pad, ' ');
  std::string frame = "\x81";
  const size_t size = payload.size();
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    frame += {126, static_cast<char>(size >> 8), static_cast<char>(size)};
  }
  turn.push_back(frame + payload);
}

// Takes whole masked frames out of what came; the lengths that a bench sends, nothing else.
void TakeFrames(Peer& peer) {
  size_t at = 0;
  while (peer.in.size() >= at + 6) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(peer.in[at + i]); };
    size_t size = byte(1) & 0x7F, head = 6;
    if (size == 126) {
      if (peer.in.size() < at + 8) break;
      size = static_cast<size_t>(byte(2)) << 8 | byte(3);
      head = 8;
    }
    if (peer.in.size() < at + head + size) break;
    if ((byte(0) & 0x0F) == 1) {
      std::string payload = peer.in.substr(at + head, size);
      for (size_t i = 0; i < size; ++i) {
        payload[i] = static_cast<char>(payload[i] ^ peer.in[at + head - 4 + (i & 3)]);
      }
      AddFrame(std::move(payload));
    }
    at += head + size;
  }
  peer.in.erase(0, at);
}

bool Read(Peer& peer) {
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(peer.fd, buffer, sizeof buffer, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got < 0) break;
    peer.in.append(buffer, static_cast<size_t>(got));
    if (static_cast<size_t>(got) < sizeof buffer) break;
  }
  if (!peer.open) {
    const size_t end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    peer.in.erase(0, end + 4);
    peer.open = true;
    peer.out =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    [[maybe_unused]] const auto sent = ::send(peer.fd, peer.out.data(), peer.out.size(), 0);
    peer.out.clear();
  }
  TakeFrames(peer);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) pad = static_cast<size_t>(std::atoi(argv[2]));
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 4096) != 0) {
    std::perror("listen");
    return 1;
  }
  const int epoll = ::epoll_create1(0);
  epoll_event accepting{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);
  std::vector<epoll_event> events(1024);
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.ptr == nullptr) {
        for (int fd; (fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          peers.push_back(std::make_unique<Peer>(Peer{.fd = fd}));
          epoll_event event{.events = EPOLLIN, .data = {.ptr = peers.back().get()}};
          ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
        continue;
      }
      Peer& peer = *static_cast<Peer*>(events[static_cast<size_t>(i)].data.ptr);
      if (peer.fd < 0) continue;
      if (events[static_cast<size_t>(i)].events & EPOLLOUT) {
        std::vector<std::string> kept;
        kept.swap(turn);
        Write(peer, epoll);
        kept.swap(turn);
      }
      if ((events[static_cast<size_t>(i)].events & ~static_cast<uint32_t>(EPOLLOUT)) &&
          !Read(peer)) {
        ::close(peer.fd);
        peer.fd = -1;
        peer.open = false;
      }
    }
    if (!turn.empty()) {
      for (const auto& peer : peers) {
        if (peer->open) Write(*peer, epoll);
      }
      turn.clear();
    }
  }
}

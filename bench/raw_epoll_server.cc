// The limits to measure against: one epoll loop that frames each message once and sends it to every
// open socket of its room with one gathered write per socket and turn. A room is the path of the
// request. No JSON, no token, no store.
//
//   raw_epoll_server PORT [BYTES [websocket]]
//
// BYTES: pad each message to this size (0: unchanged). By default the server checks nothing and has no
// bounds. With "websocket" it is a whole server of RFC 6455: it checks the upgrade and computes
// Sec-WebSocket-Accept, validates masks, lengths and UTF-8, joins fragments, answers pings and closes, and has a
// bound on a message and on what waits for a client.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/loopback.h"
#include "bench/raw_websocket.h"
#include "net/ws_frame.h"

namespace {

using parley::bench::RawWebSocket;

constexpr size_t kMostWaiting = 16 << 20;  // bytes that wait for a client of "websocket"

struct Peer;

struct Room {
  std::vector<Peer*> members;
  std::vector<std::string> turn;  // frames of this turn
};

struct Peer {
  int fd = -1;
  Room* room = nullptr;  // since the upgrade
  std::string in;
  std::string out;                    // what the kernel did not take
  std::unique_ptr<RawWebSocket> web;  // of "websocket", since the upgrade
};

std::vector<std::unique_ptr<Peer>> peers;
std::unordered_map<std::string, Room> rooms;
std::vector<Room*> active;  // rooms with frames in this turn
size_t pad = 0;
bool websocket = false;

void Write(Peer& peer, int epoll, std::vector<std::string>& turn) {
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

void AddFrame(Room& room, std::string_view payload) {
  std::string frame;
  const size_t size = std::max(payload.size(), pad);
  parley::AppendFrameHeader(frame, parley::WsOpcode::kText, size);
  frame += payload;
  frame.append(size - payload.size(), ' ');
  if (room.turn.empty()) active.push_back(&room);
  room.turn.push_back(std::move(frame));
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
      AddFrame(*peer.room, payload);
    }
    at += head + size;
  }
  peer.in.erase(0, at);
}

void Enter(Peer& peer, std::string_view path) {
  peer.room = &rooms[std::string(path)];
  peer.room->members.push_back(&peer);
}

void Answer(Peer& peer, std::string_view bytes) {
  [[maybe_unused]] const auto sent = ::send(peer.fd, bytes.data(), bytes.size(), 0);
}

// Takes the request of the upgrade out of what came. Returns false if it is refused.
bool TakeUpgrade(Peer& peer) {
  const size_t end = peer.in.find("\r\n\r\n");
  if (end == std::string::npos) return peer.in.size() <= parley::bench::kMostRequest;
  if (websocket) {
    const auto upgrade = parley::bench::AnswerUpgrade(std::string_view(peer.in).substr(0, end + 2));
    Answer(peer, upgrade.response);
    if (!upgrade.accepted) return false;
    peer.web = std::make_unique<RawWebSocket>();
    Enter(peer, upgrade.path);
  } else {
    const size_t path = peer.in.find(' ') + 1;
    Answer(peer,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    Enter(peer, std::string_view(peer.in).substr(path, peer.in.find(' ', path) - path));
  }
  peer.in.erase(0, end + 4);
  return true;
}

// Returns false if the connection is over.
bool TakeEvents(Peer& peer, std::span<char> input) {
  std::string replies;
  const bool open =
      peer.web->Take(input, [&](std::string_view text) { AddFrame(*peer.room, text); }, replies);
  if (replies.empty()) return open;
  if (peer.out.empty()) {
    Answer(peer, replies);
  } else {
    peer.out += replies;
  }
  return open;
}

bool Read(Peer& peer) {
  static char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(peer.fd, buffer, sizeof buffer, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got < 0) break;
    const auto size = static_cast<size_t>(got);
    if (peer.web != nullptr) {
      if (!TakeEvents(peer, {buffer, size})) return false;
    } else {
      peer.in.append(buffer, size);
    }
    if (size < sizeof buffer) break;
  }
  if (peer.web != nullptr) return true;
  if (peer.room == nullptr && !TakeUpgrade(peer)) return false;
  if (peer.room == nullptr) return true;
  if (peer.web == nullptr) {
    TakeFrames(peer);
    return true;
  }
  std::string early = std::exchange(peer.in, {});  // frames that came with the request
  return TakeEvents(peer, early);
}

void End(Peer& peer) {
  ::close(peer.fd);
  peer.fd = -1;
  peer.out.clear();
  if (peer.room != nullptr) std::erase(peer.room->members, &peer);
}

void EndSlowReaders(Room& room) {
  for (size_t i = 0; i < room.members.size();) {
    if (room.members[i]->out.size() > kMostWaiting) {
      End(*room.members[i]);
    } else {
      ++i;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  if (argc > 2) pad = static_cast<size_t>(std::atoi(argv[2]));
  websocket = argc > 3 && std::string_view(argv[3]) == "websocket";
  const int listener = parley::bench::ListenOnLoopback(argv[1], SOCK_NONBLOCK, 4096);
  if (listener < 0) return 1;
  const int epoll = ::epoll_create1(0);
  epoll_event accepting{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);
  std::vector<epoll_event> events(1024);
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.ptr == nullptr) {
        for (int fd; (fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          const int on = 1;
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
        std::vector<std::string> none;
        Write(peer, epoll, none);
      }
      if ((events[static_cast<size_t>(i)].events & ~static_cast<uint32_t>(EPOLLOUT)) &&
          !Read(peer)) {
        End(peer);
      }
    }
    for (Room* room : active) {
      for (Peer* peer : room->members) Write(*peer, epoll, room->turn);
      room->turn.clear();
      if (websocket) EndSlowReaders(*room);
    }
    active.clear();
  }
}

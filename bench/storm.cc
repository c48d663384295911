#include "bench/storm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <stdexcept>

namespace parley::bench {
namespace {

constexpr int64_t kMillisecond = 1'000'000, kSecond = 1000 * kMillisecond;

int64_t Now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return kSecond * now.tv_sec + now.tv_nsec;
}

std::string Masked(std::string_view payload) {
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    frame += {static_cast<char>(0x80 | 126), static_cast<char>(payload.size() >> 8),
              static_cast<char>(payload.size())};
  } else {
    frame += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> shift);
    }
  }
  return frame.append(4, '\0').append(payload);  // a mask of zeros
}

// `{"<id>":n,...}` after a key; the object has no other in it.
std::string_view ObjectAt(std::string_view frame, std::string_view key) {
  const size_t at = frame.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = frame.substr(at + key.size());
  return rest.substr(0, rest.find('}') + 1);
}

}  // namespace

struct Storm::Client {
  Member member;
  int fd = -1;
  bool open = false, greeted = false, resumed = false;
  uint64_t conversations = 0;
  int64_t delay = -1;  // as the server said; -1: it said nothing
  int64_t next = 0;    // when to connect (again)
  std::string in, out;
};

Storm::Storm(Plan plan, std::vector<Member> members) : plan_(std::move(plan)) {
  epoll_ = ::epoll_create1(0);
  for (Member& member : members) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->member = std::move(member);
  }
  report_.clients = clients_.size();
}

Storm::~Storm() {
  for (const auto& client : clients_) {
    if (client->fd >= 0) ::close(client->fd);
  }
  ::close(epoll_);
}

void Storm::Open(Client& client) {
  client.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (client.fd < 0) throw std::runtime_error("out of file descriptors");
  const int on = 1;
  ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(plan_.port);
  ::inet_pton(AF_INET, plan_.host.c_str(), &address.sin_addr);
  client.open = client.greeted = false;
  client.delay = -1;
  client.in.clear();
  client.out = "GET " + client.member.path +
               " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + client.member.token +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  ::connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &client}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
}

void Storm::Lost(Client& client) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd, nullptr);
  ::close(client.fd);
  client.fd = -1;
  if (client.greeted) --established_;
  if (client.resumed) --report_.resumed;
  client.greeted = client.resumed = false;
  client.next = Now() + (client.delay >= 0 ? client.delay * kMillisecond : kSecond);
  if (client.delay < 0) {
    ++report_.refused;
  } else {
    ++report_.disconnects;
    if (client.delay == 0) ++report_.immediate;
  }
}

void Storm::Write(Client& client) {
  const ssize_t sent = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
  if (sent > 0) client.out.erase(0, static_cast<size_t>(sent));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
  if (!client.out.empty()) event.events |= EPOLLOUT;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
}

bool Storm::Read(Client& client) {
  static char buffer[256 * 1024];
  const ssize_t got = ::recv(client.fd, buffer, sizeof buffer, 0);
  if (got < 0) return errno == EAGAIN;
  if (got == 0) return false;
  report_.bytes += static_cast<uint64_t>(got);
  client.in.append(buffer, static_cast<size_t>(got));
  if (!client.open) {
    const size_t end = client.in.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    if (client.in.substr(9, 3) != "101") return false;
    client.open = true;
    client.in.erase(0, end + 4);
  }
  client.in.erase(0, TakeFrames(client, client.in));
  if (client.in.empty()) client.in.shrink_to_fit();
  return true;
}

size_t Storm::TakeFrames(Client& client, std::string_view data) {
  size_t at = 0;
  while (data.size() - at >= 2) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[at + i]); };
    size_t length = byte(1) & 0x7F, head = 2;
    const size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (data.size() - at < head + more) break;
    if (more > 0) length = 0;
    for (size_t i = 0; i < more; ++i) length = length << 8 | byte(head + i);
    head += more;
    if (data.size() - at < head + length) break;
    if ((byte(0) & 0x0F) == 1) OnFrame(client, data.substr(at + head, length));
    if ((byte(0) & 0x0F) == 9) client.out += std::string("\x8A\x80\0\0\0\0", 6);
    at += head + length;
  }
  return at;
}

void Storm::OnFrame(Client& client, std::string_view frame) {
  const double now = static_cast<double>(Now() - start_) * 1e-9;
  if (frame.starts_with("{\"type\":\"connection_established\"")) {
    client.greeted = true;
    if (++established_ == clients_.size()) report_.established_seconds = now;
    const std::string_view seqs = ObjectAt(frame, "\"conversations\":");
    client.conversations = static_cast<uint64_t>(std::ranges::count(seqs, ':'));
    client.out += Masked("{\"type\":\"resume\",\"ref\":\"r\",\"seqs\":" + std::string(seqs) + "}");
  } else if (frame.starts_with("{\"type\":\"resumed\"") && !client.resumed) {
    client.resumed = true;
    report_.conversations += client.conversations;
    if (++report_.resumed == clients_.size()) report_.resumed_seconds = now;
  } else if (frame.starts_with("{\"type\":\"disconnect\"")) {
    const size_t at = frame.find("\"delay_ms\":");
    client.delay =
        at == std::string_view::npos ? 0 : std::stoll(std::string(frame.substr(at + 11)));
  }
}

void Storm::OnReady(Client& client, uint32_t events) {
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !Read(client)) return Lost(client);
  if (!client.out.empty()) Write(client);
}

StormReport Storm::Run() {
  static epoll_event events[1024];
  start_ = Now();
  const int64_t end = start_ + static_cast<int64_t>(plan_.seconds * 1e9);
  for (int64_t now = start_; now < end && report_.resumed < clients_.size(); now = Now()) {
    for (const auto& client : clients_) {
      if (client->fd < 0 && client->next <= now) Open(*client);
    }
    const int count = ::epoll_wait(epoll_, events, 1024, 20);
    for (int i = 0; i < count; ++i) {
      OnReady(*static_cast<Client*>(events[i].data.ptr), events[i].events);
    }
  }
  return report_;
}

}  // namespace parley::bench

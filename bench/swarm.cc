#include "bench/swarm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <random>
#include <stdexcept>

namespace parley::bench {
namespace {

int64_t Now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{1'000'000'000} * now.tv_sec + now.tv_nsec;
}

constexpr std::string_view kMark = "@t";  // then 19 digits of Now(), then padding
constexpr size_t kDigits = 19;

std::string Stamp(int64_t now) {
  const std::string digits = std::to_string(now);
  return std::string(kMark) + std::string(kDigits - digits.size(), '0') + digits;
}

std::string Text(std::string_view payload, std::string_view key) {
  const std::string quoted = "\"" + std::string(key) + "\":";
  const size_t at = payload.find(quoted);
  if (at == std::string_view::npos) return {};
  std::string_view rest = payload.substr(at + quoted.size());
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find('"')));
  }
  return std::string(rest.substr(0, rest.find_first_of(",}")));
}

}  // namespace

struct Swarm::Room {
  size_t members = 0;
  uint64_t sent = 0, delivered = 0;
};

struct Swarm::Client {
  Member member;
  size_t index = 0;
  int fd = -1;
  bool open = false, greeted = false;
  bool sampled = false;
  std::string in;  // an incomplete frame, or the handshake
  uint64_t sent = 0, acked = 0;
  int64_t next_slow_read = 0;
};

Swarm::Swarm(Plan plan, std::vector<Member> members) : plan_(std::move(plan)) {
  epoll_ = ::epoll_create1(0);
  prefix_ = std::to_string(std::random_device{}());
  if (!plan_.ack_log.empty()) log_.open(plan_.ack_log, std::ios::app);
  for (Member& member : members) {
    while (rooms_.size() <= member.room) rooms_.push_back(std::make_unique<Room>());
    if (!member.slow) ++rooms_[member.room]->members;
    auto client = std::make_unique<Client>();
    client->index = clients_.size();
    client->sampled = client->index % plan_.sample == 0;
    client->member = std::move(member);
    if (client->member.sends) senders_.push_back(client.get());
    clients_.push_back(std::move(client));
  }
}

Swarm::~Swarm() {
  for (const auto& client : clients_) {
    if (client->fd >= 0) ::close(client->fd);
  }
  ::close(epoll_);
}

void Swarm::Open(Client& client) {
  client.fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1, small = 4096;
  if (client.member.slow) ::setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(client.member.port != 0 ? client.member.port : plan_.port);
  ::inet_pton(AF_INET, plan_.host.c_str(), &address.sin_addr);
  if (::connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
  }
  ::fcntl(client.fd, F_SETFL, O_NONBLOCK);
  std::string request = "GET " + client.member.path + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!client.member.token.empty())
    request += "Authorization: Bearer " + client.member.token + "\r\n";
  request +=
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (::send(client.fd, request.data(), request.size(), 0) !=
      static_cast<ssize_t>(request.size())) {
    throw std::runtime_error("the request was not taken whole");
  }
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
}

void Swarm::Connect() {
  const int64_t start = Now();
  size_t opened = 0, greeted = 0;
  while (greeted < clients_.size()) {
    while (opened < clients_.size() && opened < greeted + plan_.connecting_at_once) {
      Open(*clients_[opened++]);
    }
    Turn(1000);
    while (greeted < opened && clients_[greeted]->greeted) ++greeted;
    if (report_.lost_connections > 0 || Now() - start > 120'000'000'000) {
      throw std::runtime_error("refused after " + std::to_string(greeted) + " connections");
    }
  }
  report_.connect_seconds = static_cast<double>(Now() - start) * 1e-9;
}

bool Swarm::Read(Client& client) {
  static char buffer[1 << 18];
  const size_t most = client.member.slow && client.greeted ? 1024 : sizeof buffer;
  const ssize_t got = ::recv(client.fd, buffer, most, 0);
  if (got < 0) return errno == EAGAIN;
  if (got == 0) return false;
  if (measuring_) report_.bytes += static_cast<uint64_t>(got);
  const char* data = buffer;
  auto size = static_cast<size_t>(got);
  if (!client.in.empty()) {
    client.in.append(buffer, size);
    data = client.in.data();
    size = client.in.size();
  }
  size_t at = 0;
  if (!client.open) {
    const size_t end = std::string_view(data, size).find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (client.in.empty()) client.in.assign(data, size);
      return true;
    }
    if (std::string_view(data, size).substr(9, 3) != "101") return false;
    client.open = true;
    client.greeted = plan_.raw;
    at = end + 4;
  }
  while (size - at >= 2) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[at + i]); };
    size_t length = byte(1) & 0x7F, head = 2;
    if (length == 126) {
      if (size - at < 4) break;
      length = static_cast<size_t>(byte(2)) << 8 | byte(3);
      head = 4;
    } else if (length == 127) {
      if (size - at < 10) break;
      length = 0;
      for (size_t i = 2; i < 10; ++i) length = length << 8 | byte(i);
      head = 10;
    }
    if (size - at < head + length) break;
    if ((byte(0) & 0x0F) == 1) OnFrame(client, data + at + head, length);
    if ((byte(0) & 0x0F) == 8) return false;
    if ((byte(0) & 0x0F) == 9) {  // an empty pong answers any ping of ours
      const char pong[6] = {'\x8A', '\x80', 0, 0, 0, 0};
      [[maybe_unused]] const auto sent = ::send(client.fd, pong, sizeof pong, MSG_NOSIGNAL);
    }
    at += head + length;
  }
  std::string rest(data + at, size - at);
  client.in.swap(rest);
  return true;
}

void Swarm::OnFrame(Client& client, const char* payload, size_t size) {
  const std::string_view frame(payload, size);
  Room& room = *rooms_[client.member.room];
  if (plan_.raw || frame.starts_with("{\"type\":\"message\",")) {
    if (client.member.slow) return;
    ++room.delivered;
    if (!measuring_) return;
    ++report_.delivered;
    if (!client.sampled) return;
    const size_t at = frame.find(kMark);
    if (at == std::string_view::npos) return;
    const int64_t then = std::stoll(std::string(frame.substr(at + kMark.size(), kDigits)));
    report_.delivery_ms.push_back(static_cast<float>(static_cast<double>(Now() - then) * 1e-6));
  } else if (frame.starts_with("{\"type\":\"ack\"")) {
    ++client.acked;
    if (log_.is_open()) {
      log_ << "ack " << Text(frame, "client_id") << ' ' << Text(frame, "id") << ' '
           << Text(frame, "seq") << '\n';
    }
    if (frame.find("\"duplicate\":true") != std::string_view::npos) ++report_.duplicates;
    if (!measuring_) return;
    ++report_.acked;
    const int64_t then = std::stoll(Text(frame, "ref"));
    report_.ack_ms.push_back(static_cast<float>(static_cast<double>(Now() - then) * 1e-6));
  } else if (frame.starts_with("{\"type\":\"connection_established\"")) {
    client.greeted = true;
  } else if (frame.starts_with("{\"type\":\"error\"")) {
    if (report_.errors++ == 0) fprintf(stderr, "%.*s\n", static_cast<int>(size), payload);
  }
}

bool Swarm::MaySend(const Client& client) const {
  const Room& room = *rooms_[client.member.room];
  switch (plan_.pace) {
    case Pace::kDelivered:
      return room.sent * room.members < room.delivered + plan_.window * room.members;
    case Pace::kAcked:
      return client.sent < client.acked + plan_.window;
    case Pace::kRate:
      return true;
  }
  return false;
}

void Swarm::Send(Client& client) {
  const int64_t now = Now();
  std::string payload = Stamp(now);
  if (payload.size() < plan_.content_bytes) payload.resize(plan_.content_bytes, '.');
  if (!plan_.raw) {
    const std::string id =
        prefix_ + "-" + std::to_string(client.index) + "-" + std::to_string(client.sent);
    if (log_.is_open())
      log_ << "sent " << id << ' ' << client.member.room << ' ' << payload << '\n' << std::flush;
    payload = "{\"type\":\"message\",\"ref\":\"" + std::to_string(now) + "\",\"client_id\":\"" +
              id + "\",\"content\":\"" + payload + "\"}";
  }
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += {static_cast<char>(0x80 | 126), static_cast<char>(payload.size() >> 8),
              static_cast<char>(payload.size())};
  }
  frame.append(4, '\0');  // a mask of zeros
  frame += payload;
  ++client.sent;
  ++rooms_[client.member.room]->sent;
  if (measuring_) ++report_.sent;
  if (::send(client.fd, frame.data(), frame.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size())) {
    stopped_ = true;
  }
}

void Swarm::Turn(int timeout_ms) {
  static epoll_event events[1024];
  const int count = ::epoll_wait(epoll_, events, 1024, timeout_ms);
  const int64_t now = Now();
  for (int i = 0; i < count; ++i) {
    auto& client = *static_cast<Client*>(events[i].data.ptr);
    const bool slow = client.member.slow && client.greeted;
    if (!Read(client)) {
      ++report_.lost_connections;
      stopped_ = stopped_ || !client.member.slow;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd, nullptr);
      ::close(client.fd);
      client.fd = -1;
    } else if (slow || (client.member.slow && client.greeted)) {
      client.next_slow_read = now + 1'000'000'000;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd, nullptr);
    }
  }
}

Report Swarm::Run() {
  if (plan_.hold > 0) {
    const int64_t until = Now() + static_cast<int64_t>(plan_.hold * 1e9);
    while (Now() < until) Turn(100);
  }
  const int64_t start = Now();
  const int64_t measured = start + static_cast<int64_t>(plan_.warm_up * 1e9);
  const int64_t end = measured + static_cast<int64_t>(plan_.seconds * 1e9);
  int64_t began = 0, slow_round = start;
  uint64_t rated = 0;
  for (int64_t now = start; now < end && !stopped_; now = Now()) {
    if (!measuring_ && now >= measured) {
      measuring_ = true;
      began = now;
      printf("measuring\n");
      fflush(stdout);
    }
    if (plan_.pace == Pace::kRate && !senders_.empty()) {
      const auto due = static_cast<uint64_t>(static_cast<double>(now - start) * 1e-9 * plan_.rate);
      while (rated < due && !stopped_) Send(*senders_[rated++ % senders_.size()]);
    } else {
      for (Client* sender : senders_) {
        while (MaySend(*sender) && !stopped_) Send(*sender);
      }
    }
    if (now > slow_round) {
      slow_round = now + 50'000'000;
      for (const auto& client : clients_) {
        if (!client->member.slow || client->fd < 0 || client->next_slow_read > now) continue;
        epoll_event event{.events = EPOLLIN, .data = {.ptr = client.get()}};
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client->fd, &event);
        client->next_slow_read = INT64_MAX;
      }
    }
    Turn(plan_.pace == Pace::kRate ? 1 : 100);
  }
  report_.seconds = began ? static_cast<double>(Now() - began) * 1e-9 : 0;
  if (measuring_) {
    printf("measured\n");
    fflush(stdout);
  }
  measuring_ = false;
  // What is still under way comes in, so that nothing counts as missing that was only late.
  for (int64_t now = Now(), until = now + 5'000'000'000; now < until && !stopped_; now = Now()) {
    bool all = true;
    for (const auto& room : rooms_) all = all && room->delivered >= room->sent * room->members;
    if (all) break;
    Turn(50);
  }
  for (const auto& room : rooms_) {
    const uint64_t expected = room->sent * room->members;
    if (room->delivered != expected && plan_.ack_log.empty()) {
      fprintf(stderr, "room: %lu of %lu deliveries\n", room->delivered, expected);
    }
  }
  return report_;
}

}  // namespace parley::bench

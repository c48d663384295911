#include "loadgen/faulty_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <span>
#include <stdexcept>

namespace parley::loadgen {
namespace {

std::string Frame(std::string_view json) {
  std::string frame;
  AppendFrameHeader(frame, WsOpcode::kText, json.size());
  return frame += json;
}

void Send(int fd, std::string_view bytes) { ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

std::string Field(const std::string& json, const std::string& key) {
  const size_t at = json.find("\"" + key + "\":\"") + key.size() + 4;
  return json.substr(at, json.find('"', at) - at);
}

bool Each(int n, int seq) { return n > 0 && seq % n == 0; }

}  // namespace

FaultyServer::FaultyServer(Misbehaviour how) : how_(how) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(listener_);
    throw std::runtime_error("cannot listen on a free port of 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
}

void FaultyServer::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  for (auto& [fd, peer] : peers_) ::close(fd);
  ::close(listener_);
}

void FaultyServer::Serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> polled = {{.fd = listener_, .events = POLLIN}};
    for (const auto& [fd, peer] : peers_) polled.push_back({.fd = fd, .events = POLLIN});
    if (::poll(polled.data(), polled.size(), 20) <= 0) continue;
    for (const pollfd& each : polled) {
      if (each.revents == 0) continue;
      if (each.fd == listener_) {
        Accept();
      } else if (!Read(each.fd, peers_[each.fd])) {
        peers_.erase(each.fd);
        ::close(each.fd);
      }
    }
  }
}

// A receiver that reads nothing for 5 s misses what follows, and does not stop the server.
void FaultyServer::Accept() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval longest{.tv_sec = 5};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  peers_[fd];
}

// Returns false if the connection is over.
bool FaultyServer::Read(int fd, Peer& peer) {
  char buffer[65536];
  const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  if (!peer.open) {
    peer.in.append(buffer, static_cast<size_t>(got));
    return peer.in.find("\r\n\r\n") == std::string::npos || Greet(fd, peer);
  }
  std::span<char> input(buffer, static_cast<size_t>(got));
  for (auto event = peer.decoder.Next(input); event.kind != WsEvent::Kind::kNeedMore;
       event = peer.decoder.Next(input)) {
    if (event.kind == WsEvent::Kind::kText) OnMessage(fd, std::string(event.payload));
    if (event.kind == WsEvent::Kind::kError) return false;
  }
  return true;
}

bool FaultyServer::Greet(int fd, Peer& peer) {
  if (refused_ < how_.refuse_first) {
    ++refused_;
    Send(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    return false;
  }
  if (!how_.upgrade_answer.empty()) {
    Send(fd, how_.upgrade_answer);
    return true;
  }
  peer.open = true;
  std::string out = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  out += Frame(R"({"type":"connection_established","data":{"seq":)" + std::to_string(messages()) +
               "}}");
  const size_t at = peer.in.find("?since=");
  if (at < peer.in.find('\r')) {
    int since = 0;
    std::from_chars(peer.in.data() + at + 7, peer.in.data() + peer.in.size(), since);
    std::string held;
    for (int seq = since + 1; seq <= messages(); ++seq) out += Frames(seq, held);
    out += Frame(R"({"type":"resumed","data":{}})");
  }
  Send(fd, out);
  return true;
}

std::string FaultyServer::Frames(int seq, std::string& held) const {
  const std::string& event = events_[static_cast<size_t>(seq) - 1];
  if (Each(how_.swap_each, seq)) {
    held = event;
    return "";
  }
  std::string out;
  if (!Each(how_.lose_each, seq)) out += event;
  if (Each(how_.repeat_each, seq)) out += event;
  out += held;
  held.clear();
  return out;
}

void FaultyServer::OnMessage(int fd, const std::string& json) {
  const int seq = messages() + 1;
  if (seq == how_.stall_at) std::this_thread::sleep_for(std::chrono::milliseconds(500));
  events_.push_back(Frame(R"({"type":"message","seq":)" + std::to_string(seq) +
                          R"(,"data":{"content":")" + Field(json, "content") +
                          R"(","client_id":")" + Field(json, "client_id") + "\"}}"));
  if (!Each(how_.drop_acks_each, seq)) {
    Send(fd, Frame(R"({"type":"ack","ref":")" + Field(json, "ref") + R"(","data":{"id":"x"}})"));
  }
  if (seq == how_.close_at) {
    const auto last = std::prev(peers_.end());
    ::shutdown(last->first == fd ? peers_.begin()->first : last->first, SHUT_RDWR);
  }
  const std::string frames = Frames(seq, held_);
  if (frames.empty()) return;
  for (const auto& [receiver, peer] : peers_) {
    if (peer.open) Send(receiver, frames);
  }
  if (seq != how_.repeat_late_at) return;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (const auto& [receiver, peer] : peers_) {
    if (peer.open) Send(receiver, events_.back());
  }
}

}  // namespace parley::loadgen

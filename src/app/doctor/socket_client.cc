#include "app/doctor/socket_client.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

#include "auth/base64url.h"

namespace parley::doctor {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Millis kHandshake{5'000}, kSend{5'000};
constexpr size_t kMostHead = 64 * 1024, kMostFrame = 1024 * 1024;

std::string RandomBytes(size_t count) {
  std::random_device random;
  std::string out(count, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// base64 of 16 random bytes.
std::string NewKey() {
  std::string key = EncodeBase64Url(RandomBytes(16));
  std::ranges::replace(key, '-', '+');
  std::ranges::replace(key, '_', '/');
  return key + "==";
}

HttpAnswer ParseHead(const std::string& head) {
  HttpAnswer answer;
  answer.status = head.size() > 12 ? std::strtol(head.c_str() + 9, nullptr, 10) : 0;
  for (size_t at = head.find("\r\n"); at != head.npos;) {
    const size_t end = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, end == head.npos ? end : end - at - 2);
    const size_t colon = line.find(':');
    if (colon != line.npos) {
      std::string name = line.substr(0, colon);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      const size_t value = line.find_first_not_of(' ', colon + 1);
      answer.headers[name] = value == line.npos ? "" : line.substr(value);
    }
    at = end;
  }
  return answer;
}

}  // namespace

uint16_t SocketFrame::CloseCode() const {
  if (opcode != WsOpcode::kClose || payload.size() < 2) return kWsNoCode;
  return static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 |
                               static_cast<uint8_t>(payload[1]));
}

std::string SocketFrame::Describe() const {
  constexpr size_t kMostText = 200;
  return opcode == WsOpcode::kClose ? fmt::format("close code {}", CloseCode())
                                    : payload.substr(0, kMostText);
}

SocketClient::SocketClient(const ProbeInput& input, const std::string& path)
    : curl_(MakeCurl(input, path)) {
  ::curl_easy_setopt(curl_.get(), CURLOPT_CONNECT_ONLY, 1L);
  const CURLcode code = ::curl_easy_perform(curl_.get());
  if (code != CURLE_OK) throw NoUpgrade(::curl_easy_strerror(code));
  try {
    Upgrade(input, path);
  } catch (const SocketLost& lost) {
    throw NoUpgrade(std::string("no upgrade: ") + lost.what());
  }
}

SocketClient::~SocketClient() {
  if (curl_ == nullptr) return;
  try {
    Send(WsOpcode::kClose, "\x03\xe8");  // 1000
  } catch (const SocketLost&) {          // closed already
  }
}

void SocketClient::Upgrade(const ProbeInput& input, const std::string& path) {
  const Target& target = input.url();
  const size_t authority = target.url.find("://") + 3, slash = target.url.find('/', authority);
  const std::string base = slash == target.url.npos ? "" : target.url.substr(slash);
  const std::string host =
      target.host_header.empty()
          ? target.url.substr(authority, slash == target.url.npos ? slash : slash - authority)
          : target.host_header;
  const std::string key = NewKey();
  SendAll(
      fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n"
                  "User-Agent: parley-doctor/{}\r\n{}\r\n",
                  base, path, host, key, PARLEY_VERSION,
                  input.token.empty() ? "" : "Authorization: Bearer " + input.token + "\r\n"));
  const auto end = SteadyClock::now() + kHandshake;
  size_t head = 0;
  while ((head = buffer_.find("\r\n\r\n")) == buffer_.npos) {
    if (buffer_.size() > kMostHead) throw SocketLost("the response header is too long");
    if (!Read(end)) throw SocketLost("no response to the upgrade within 5 s");
  }
  HttpAnswer answer = ParseHead(buffer_.substr(0, head));
  buffer_.erase(0, head + 4);
  if (answer.status != 101) {
    const size_t length = std::min<size_t>(
        std::strtoul(answer.Header("content-length").c_str(), nullptr, 10), kMostHead);
    try {
      while (buffer_.size() < length && Read(end)) {
      }
    } catch (const SocketLost&) {  // the body is incomplete
    }
    answer.body = buffer_.substr(0, length);
    throw UpgradeRefused(std::move(answer));
  }
  if (answer.Header("sec-websocket-accept") != AcceptKey(key)) {
    throw SocketLost("the response has a wrong Sec-WebSocket-Accept");
  }
  received_ = buffer_.size();
}

void SocketClient::SendAll(std::string_view bytes) {
  curl_socket_t fd = 0;
  ::curl_easy_getinfo(curl_.get(), CURLINFO_ACTIVESOCKET, &fd);
  const auto end = SteadyClock::now() + kSend;
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = ::curl_easy_send(curl_.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, 100);
    } else if (code != CURLE_OK) {
      throw SocketLost("the connection was closed");
    }
    bytes.remove_prefix(sent);
    if (!bytes.empty() && SteadyClock::now() > end) throw SocketLost("the peer does not read");
  }
}

bool SocketClient::Read(SteadyClock::time_point end) {
  curl_socket_t fd = 0;
  ::curl_easy_getinfo(curl_.get(), CURLINFO_ACTIVESOCKET, &fd);
  std::array<char, 16 * 1024> chunk;
  for (;;) {
    size_t count = 0;
    const CURLcode code = ::curl_easy_recv(curl_.get(), chunk.data(), chunk.size(), &count);
    if (code == CURLE_OK && count > 0) {
      buffer_.append(chunk.data(), count);
      received_ += count;
      return true;
    }
    if (code != CURLE_AGAIN) throw SocketLost("the peer closed the connection");
    const auto left = std::chrono::duration_cast<Millis>(end - SteadyClock::now()).count();
    if (left <= 0) return false;
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1'000)));
  }
}

void SocketClient::Send(WsOpcode opcode, const std::string& payload) {
  std::string frame;
  AppendFrameHeader(frame, opcode, payload.size());
  frame[1] = static_cast<char>(frame[1] | 0x80);  // clients mask
  const std::string mask = RandomBytes(4);
  frame += mask;
  for (size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  SendAll(frame);
}

std::optional<SocketFrame> SocketClient::TakeFrame() {
  if (buffer_.size() < 2) return std::nullopt;
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(buffer_[at]); };
  size_t length = byte(1) & 0x7F, header = 2;
  if (length >= 126) {
    const size_t bytes = length == 126 ? 2 : 8;
    if (buffer_.size() < 2 + bytes) return std::nullopt;
    length = 0;
    for (size_t i = 0; i < bytes; ++i) length = length << 8 | byte(2 + i);
    header += bytes;
  }
  if ((byte(0) & 0xF0) != 0x80 || (byte(1) & 0x80) != 0 || length > kMostFrame) {
    throw SocketLost("the peer sent an invalid frame");
  }
  if (buffer_.size() < header + length) return std::nullopt;
  SocketFrame frame{.opcode = static_cast<WsOpcode>(byte(0) & 0x0F),
                    .payload = buffer_.substr(header, length)};
  buffer_.erase(0, header + length);
  return frame;
}

std::optional<SocketFrame> SocketClient::Receive(Millis within) {
  const auto end = SteadyClock::now() + within;
  for (;;) {
    if (auto frame = TakeFrame()) return frame;
    if (!Read(end)) return std::nullopt;
  }
}

bool HasType(const SocketFrame& frame, const std::string& type) {
  return frame.opcode == WsOpcode::kText && JsonText(frame.payload, "/type") == type;
}

}  // namespace parley::doctor

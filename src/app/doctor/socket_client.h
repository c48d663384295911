// A WebSocket client for the probes (RFC 6455, without extensions), over a connection of libcurl. Threads: one.
#pragma once
#include <stdexcept>
#include <string>

#include "app/doctor/http_client.h"
#include "net/ws_frame.h"

namespace parley::doctor {

// The response to the upgrade is not 101.
class UpgradeRefused : public std::runtime_error {
 public:
  explicit UpgradeRefused(HttpAnswer answer)
      : std::runtime_error(answer.Describe()), answer_(std::move(answer)) {}
  const HttpAnswer& answer() const { return answer_; }

 private:
  HttpAnswer answer_;
};

// The connection ended without a close frame, or cannot be used.
class SocketLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The connection or the upgrade failed without an HTTP response.
class NoUpgrade : public SocketLost {
 public:
  using SocketLost::SocketLost;
};

struct SocketFrame {
  WsOpcode opcode = WsOpcode::kText;
  std::string payload;

  // Of a close frame; kWsNoCode if it has none.
  uint16_t CloseCode() const;
  // "close code 4009", or the beginning of another frame's payload.
  std::string Describe() const;
};

class SocketClient {
 public:
  // Connects, and upgrades at `path` with input.token if it is not empty. Throws UpgradeRefused or NoUpgrade.
  SocketClient(const ProbeInput& input, const std::string& path);

  SocketClient(SocketClient&&) = default;
  // Sends a close frame, without waiting for the peer's.
  ~SocketClient();

  void Send(WsOpcode opcode, const std::string& payload);
  // Returns the next frame; nullopt after the time. Throws SocketLost.
  std::optional<SocketFrame> Receive(Millis within);
  // Returns the next frame that `wanted` accepts, and drops others; nullopt after the time.
  template <class Wanted>
  std::optional<SocketFrame> WaitFor(Millis within, Wanted&& wanted) {
    const auto end = std::chrono::steady_clock::now() + within;
    for (;;) {
      const auto left = std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now());
      auto frame = Receive(std::max(left, Millis(0)));
      if (!frame || wanted(*frame)) return frame;
    }
  }
  bool received_any() const { return received_ > 0; }  // bytes after the upgrade

 private:
  void Upgrade(const ProbeInput& input, const std::string& path);
  void SendAll(std::string_view bytes);
  // Appends what has arrived to buffer_; returns false after the time.
  bool Read(std::chrono::steady_clock::time_point end);
  std::optional<SocketFrame> TakeFrame();

  CurlHandle curl_;
  std::string buffer_;
  size_t received_ = 0;
};

// True for a text frame of this type ("connection_established").
bool HasType(const SocketFrame& frame, const std::string& type);

}  // namespace parley::doctor

// WebSocket (RFC 6455) on a connection: messages, pings, the close handshake. Owns its session. Threads:
// the shard's.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/metrics.h"
#include "http/access_log.h"
#include "net/connection.h"
#include "net/ws_extensions.h"
#include "net/ws_frame.h"
#include "session/compressed_frame.h"
#include "session/session.h"

namespace parley {

struct WsCounters {
  Gauge open;
  Counter opened, bytes_in;
  std::array<Counter, kCloseCodes.size()> closed;  // in the order of kCloseCodes
  void CountClose(CloseCode code);
};

// The parameters of an upgrade request.
struct WsOpening {
  SessionRequest session;
  bool bad_conversation_id = false;
  std::optional<std::string> token;  // nullopt: the first frame must authenticate
  std::optional<DeflateTerms> deflate;
  std::unique_ptr<AccessLine> access;  // logged when the socket ends; null: no access log
  HeldCounts::Held address_socket;     // counts the socket of the client's address while it is open
};

class WsTransport final : public Protocol, private Transport {
 public:
  WsTransport(SessionContext& context, WsCounters& counters, Connection& connection,
              CompressedFrame& compressed, WsOpening opening);
  ~WsTransport() override;

  // Called after the 101 response is queued.
  void Start();

  size_t OnBytes(Connection& connection, std::span<char> bytes) override;
  void OnEndOfStream(Connection& connection) override;
  void OnDrained(Connection& connection) override;
  void OnTick(Connection& connection, Monotonic now) override;
  void OnShutdown(Connection& connection, Duration delay) override;
  void OnClosed(Connection& connection) override;

 private:
  // Transport
  SendStatus Send(const Event& event) override { return connection_.Send(FrameOf(event)); }
  SendStatus SendGathered(const Event& event) override {
    return connection_.SendGathered(FrameOf(event));
  }
  void SendAlways(const Event& event) override { Queue(FrameOf(event)); }
  void Answer(std::string_view json) override { Queue(EncodeText(json)); }
  void AnswerAll(std::span<const std::string> jsons) override;
  void LogFailure(const Error& error) override {
    if (access_) LogCommandFailure(*access_, Name(error.code));
  }
  bool Busy() const override {
    return connection_.outbox().bytes() * 2 > connection_.outbox_limit();
  }
  void HoldCommands(bool hold) override;
  void Close(CloseCode code, std::string_view reason) override;

  const SharedBytes& FrameOf(const Event& event) {
    const SharedBytes& frame = event.websocket_frame.Get([&] { return EncodeText(event.json); });
    return window_bits_ == 0 ? frame : compressed_.Of(frame, window_bits_);
  }
  // Queues a frame regardless of the limit.
  void Queue(SharedBytes frame);
  void OnMessage(std::string_view text);
  void Authenticate(std::string_view token, const Ref& ref, bool answer);
  bool TakeSocket(const Identity& identity);
  void OnFirstFrame(std::string_view text);
  void OnPeerClose(uint16_t code);
  void UpdateReading();
  void CheckPing(Monotonic now);

  SessionContext& context_;
  WsCounters& counters_;
  Connection& connection_;
  CompressedFrame& compressed_;
  const int window_bits_;               // window of compressed messages; 0: no compression
  std::unique_ptr<WsOpening> opening_;  // until the session starts
  std::unique_ptr<AccessLine> access_;
  HeldCounts::Held address_socket_;
  WsDecoder decoder_;
  HeldCounts::Held user_socket_;      // counts the socket of the user while it is open
  std::unique_ptr<Session> session_;  // set after authentication
  Monotonic opened_at_;
  Monotonic last_tick_;
  Monotonic message_since_{};  // start of an incomplete message; zero: none
  Monotonic last_ping_;
  Duration unanswered_{0};  // time that a ping is unanswered while nothing is queued
  Duration shutdown_delay_{0};
  int close_code_ = 1006;  // for the access log; 1006: no close frame
  bool ping_open_ = false;
  bool commands_held_ = false;
  bool shutting_down_ = false;
  bool closed_ = false;
};

}  // namespace parley

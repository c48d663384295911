#include "session/echo_socket.h"

#include "net/deflate.h"

namespace parley {
namespace {

constexpr size_t kMaxMessage = 16 * 1024 * 1024;
constexpr uint32_t kMaxFragments = 1 << 20;
// The maximum time from the server's close frame until the peer closes the connection.
constexpr auto kLinger = std::chrono::seconds(5);
constexpr auto kSlowReader = std::chrono::seconds(60);

}  // namespace

EchoSocket::EchoSocket(const std::optional<DeflateTerms>& deflate)
    : decoder_({.max_message = kMaxMessage,
                .max_fragments = kMaxFragments,
                .inflate = deflate.has_value()}),
      window_bits_(deflate ? std::optional(deflate->window_bits) : std::nullopt) {}

size_t EchoSocket::OnBytes(Connection& connection, std::span<char> bytes) {
  std::span<char> rest = bytes;
  while (!connection.reading_paused() && !connection.closing()) {
    const WsEvent event = decoder_.Next(rest);
    switch (event.kind) {
      case WsEvent::Kind::kNeedMore:
        return bytes.size() - rest.size();
      case WsEvent::Kind::kText:
        Echo(connection, WsOpcode::kText, event.payload);
        break;
      case WsEvent::Kind::kBinary:
        Echo(connection, WsOpcode::kBinary, event.payload);
        break;
      case WsEvent::Kind::kPing:
        connection.Answer(EncodePong(event.payload));
        break;
      case WsEvent::Kind::kPong:
        break;
      case WsEvent::Kind::kClose:
        Close(connection, event.code == kWsNoCode ? 1000 : event.code, "");
        break;
      case WsEvent::Kind::kError:
        Close(connection, event.code, event.payload);
        break;
    }
    if (!connection.HasRoom()) connection.PauseReading();
  }
  return bytes.size() - rest.size();
}

void EchoSocket::Echo(Connection& connection, WsOpcode opcode, std::string_view message) {
  if (!window_bits_) return connection.Answer(EncodeMessage(opcode, message));
  connection.Answer(EncodeMessage(opcode, Deflate(message, *window_bits_), true));
}

void EchoSocket::Close(Connection& connection, uint16_t code, std::string_view reason) {
  connection.Answer(EncodeClose(code, reason));
  connection.CloseAfterFlush(kLinger, kLinger);
}

void EchoSocket::OnEndOfStream(Connection& connection) { connection.Abort(); }

void EchoSocket::OnDrained(Connection& connection) { connection.ResumeReading(); }

void EchoSocket::OnTick(Connection& connection, Monotonic now) {
  if (connection.closing() || connection.outbox().empty()) return;
  if (now - connection.last_progress() >= kSlowReader) connection.Abort();
}

void EchoSocket::OnShutdown(Connection& connection, Duration) {
  Close(connection, 1012, "The server is restarting.");
}

}  // namespace parley

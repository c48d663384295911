// The socket at /test/echo returns every message unchanged, text as text and binary as binary, without
// authentication. For conformance suites (option test_echo); never in production. Threads: the shard's.
#pragma once
#include <optional>

#include "net/connection.h"
#include "net/ws_extensions.h"
#include "net/ws_frame.h"

namespace parley {

class EchoSocket final : public Protocol {
 public:
  // `deflate`: the negotiated terms, if any.
  explicit EchoSocket(const std::optional<DeflateTerms>& deflate);

  size_t OnBytes(Connection& connection, std::span<char> bytes) override;
  void OnEndOfStream(Connection& connection) override;
  void OnDrained(Connection& connection) override;
  void OnTick(Connection& connection, Monotonic now) override;
  void OnShutdown(Connection& connection, Duration delay) override;

 private:
  void Echo(Connection& connection, WsOpcode opcode, std::string_view message);
  void Close(Connection& connection, uint16_t code, std::string_view reason);

  WsDecoder decoder_;
  const std::optional<int> window_bits_;  // nullopt: no compression
};

}  // namespace parley

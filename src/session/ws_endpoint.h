// The way onto a WebSocket: checks the handshake, finds the token, answers 101 and hands the
// connection over. One for each shard.
#pragma once
#include "http/http_protocol.h"
#include "session/ws_transport.h"

namespace parley {

class WsEndpoint final : public UpgradeHandler {
 public:
  WsEndpoint(SessionContext& context, const SitePolicy& site, WsCounters& counters)
      : context_(context), site_(site), counters_(counters) {}

  std::optional<Response> Upgrade(Connection& connection, Request request) override;

 private:
  SessionContext& context_;
  const SitePolicy& site_;
  WsCounters& counters_;
};

}  // namespace parley

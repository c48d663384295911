// The WebSocket endpoint: checks the handshake, finds the token, responds with 101 and switches the
// connection to WsTransport. Threads: one per shard.
#pragma once
#include "http/http_protocol.h"
#include "session/ws_transport.h"

namespace parley {

struct WsEndpointOptions {
  bool test_echo = false;  // serve /test/echo
  bool access_log = false;
  bool refuse_bad_tokens = false;  // with 403, before the upgrade: compat.guide
  bool deflate = false;            // use permessage-deflate if offered; /test/echo always does
};

class WsEndpoint final : public UpgradeHandler {
 public:
  WsEndpoint(SessionContext& context, const SitePolicy& site, WsCounters& counters,
             WsEndpointOptions options)
      : context_(context), site_(site), counters_(counters), options_(options) {}

  bool Serves(const Request& request) const override;
  std::optional<Response> Upgrade(Connection& connection, Request request) override;

 private:
  // Applies the limits of the client's address. Errors: rate_limited.
  std::optional<Response> TakeAddress(const Request& request, WsOpening& opening);
  // Errors: forbidden for a bad or missing token.
  std::optional<Error> CheckToken(const std::optional<std::string>& token) const;
  std::optional<Response> UpgradeToEcho(Connection& connection, const Request& request);

  SessionContext& context_;
  const SitePolicy& site_;
  WsCounters& counters_;
  const WsEndpointOptions options_;
  CompressedFrame compressed_;
};

}  // namespace parley

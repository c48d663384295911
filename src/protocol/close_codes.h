// WebSocket close codes (RFC 6455 §7.4) that Parley sends; docs/protocol.md describes them.
#pragma once
#include <array>
#include <cstdint>

namespace parley {

enum class CloseCode : uint16_t {
  kNormal = 1000,
  kProtocolError = 1002,
  kBinary = 1003,
  kBadText = 1007,
  kTooBig = 1009,
  kRestarting = 1012,
  kNotAuthenticated = 4001,
  kBadConversationId = 4002,
  kNotParticipant = 4003,
  kTooSlow = 4008,
  kRateAbused = 4009,
};

// All close codes; each has a counter.
inline constexpr std::array kCloseCodes = {
    CloseCode::kNormal,           CloseCode::kProtocolError,
    CloseCode::kBinary,           CloseCode::kBadText,
    CloseCode::kTooBig,           CloseCode::kRestarting,
    CloseCode::kNotAuthenticated, CloseCode::kBadConversationId,
    CloseCode::kNotParticipant,   CloseCode::kTooSlow,
    CloseCode::kRateAbused};

// Returns true if the client can reconnect with its current token and state.
constexpr bool MayReconnect(CloseCode code) {
  return code == CloseCode::kRestarting || code == CloseCode::kTooSlow ||
         code == CloseCode::kRateAbused;
}

}  // namespace parley

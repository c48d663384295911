// The bits of a frame's first two bytes, and what its length is made of (RFC 6455 §5.2 and §5.5). For ws_frame.cc and ws_decoder.cc.
#pragma once
#include <cstddef>
#include <cstdint>

namespace parley::ws {

inline constexpr uint8_t kFin = 0x80;
inline constexpr uint8_t kReserved = 0x70;
inline constexpr uint8_t kCompressed = 0x40;  // RSV1 (RFC 7692 §6)
inline constexpr uint8_t kMasked = 0x80;
inline constexpr uint8_t kLength16 = 126;  // the length follows in two bytes
inline constexpr uint8_t kLength64 = 127;  // in eight bytes
inline constexpr size_t kMaxControlPayload = 125;

}  // namespace parley::ws

// WebSocket close codes (RFC 6455 §7.4) that Parley sends, from the table close_codes.def.
#pragma once
#include <array>
#include <cstdint>

namespace parley {

enum class CloseCode : uint16_t {
#define PARLEY_CLOSE_CODE(name, code, reconnect, meaning, action) name = code,
#include "protocol/close_codes.def"
#undef PARLEY_CLOSE_CODE
};

// All codes, in the table's order: a counter belongs to each.
inline constexpr std::array kCloseCodes = {
#define PARLEY_CLOSE_CODE(name, code, reconnect, meaning, action) CloseCode::name,
#include "protocol/close_codes.def"
#undef PARLEY_CLOSE_CODE
};

// True if the client should connect again with the token that it has.
constexpr bool MayReconnect(CloseCode code) {
  switch (code) {
#define PARLEY_CLOSE_CODE(name, code, reconnect, meaning, action) \
  case CloseCode::name:                                           \
    return reconnect;
#include "protocol/close_codes.def"
#undef PARLEY_CLOSE_CODE
  }
  return false;
}

}  // namespace parley

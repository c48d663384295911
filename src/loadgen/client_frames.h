// WebSocket frames on the client's side: what a load generator needs of RFC 6455, fast and without
// checks of what a correct server does not send. Masks are zero: the server's work is the same, and the
// generator's is less.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/ws_frame.h"

namespace parley::loadgen {

void AppendClientFrame(std::string& out, WsOpcode opcode, std::string_view payload);

struct ServerFrame {
  WsOpcode opcode = WsOpcode::kText;
  bool final = true;
  std::string_view payload;
  size_t bytes = 0;  // of the whole frame; 0: it is not complete
};

// Returns the frame at the beginning of `data`.
ServerFrame FirstFrame(std::string_view data);

}  // namespace parley::loadgen

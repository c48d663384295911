// What a session speaks through: WebSocket today, Server-Sent Events later. The shard's thread.
#pragma once
#include <string_view>

#include "base/bytes.h"
#include "net/outbox.h"
#include "protocol/close_codes.h"

namespace parley {

class Transport {
 public:
  virtual ~Transport() = default;
  // An event: kFull when the outbox is at its limit.
  virtual SendStatus Send(const SharedBytes& frame) = 0;
  // An ack, an error, an answer: always taken; reading stops until there is room again.
  virtual void Answer(SharedBytes frame) = 0;
  // More than half full: what may be dropped is.
  virtual bool Busy() const = 0;
  // While held, no further command arrives.
  virtual void HoldCommands(bool hold) = 0;
  // The disconnect frame, then the end. Once; later calls do nothing. Never destroys the session
  // inside the call.
  virtual void Close(CloseCode code, std::string_view reason) = 0;
};

}  // namespace parley

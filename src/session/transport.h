// The transport of a session: WebSocket; Server-Sent Events are planned. Threads: the shard's.
#pragma once
#include <string_view>

#include "base/bytes.h"
#include "net/outbox.h"
#include "protocol/close_codes.h"

namespace parley {

class Transport {
 public:
  virtual ~Transport() = default;
  // Queues an event; returns kFull if the outbox is at its limit.
  virtual SendStatus Send(const SharedBytes& frame) = 0;
  // Queues a response, regardless of the limit; reading pauses until there is room again.
  virtual void Answer(SharedBytes frame) = 0;
  // Returns true if the outbox is more than half full; then ephemeral events are dropped.
  virtual bool Busy() const = 0;
  // While commands are held, none is passed to the session.
  virtual void HoldCommands(bool hold) = 0;
  // Sends the disconnect frame and closes. Later calls have no effect. Never destroys the session inside
  // the call.
  virtual void Close(CloseCode code, std::string_view reason) = 0;
};

}  // namespace parley

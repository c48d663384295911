// The transport of a session: WebSocket; Server-Sent Events are planned. It frames the JSON of events
// and answers. Threads: the shard's.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "net/outbox.h"
#include "protocol/answers.h"
#include "protocol/close_codes.h"
#include "protocol/event.h"

namespace parley {

class Transport {
 public:
  virtual ~Transport() = default;
  // Queues an event; returns kFull if the outbox is at its limit. The event's frame is made once for
  // all connections.
  virtual SendStatus Send(const Event& event) = 0;
  // Like Send, for events of which many may follow: they may wait for each other, for a tenth of a
  // second or, in a storm, for up to a second, and are written together.
  virtual SendStatus SendGathered(const Event& event) = 0;
  // Queues an event that must not be dropped, regardless of the limit.
  virtual void SendAlways(const Event& event) = 0;
  // Queues the JSON of an answer to this connection, regardless of the limit; reading pauses until
  // there is room again.
  virtual void Answer(std::string_view json) = 0;
  // The same for several frames at once.
  virtual void AnswerAll(std::span<const std::string> jsons) = 0;
  void AnswerError(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error) {
    if (HttpStatus(error.code) >= 500) LogFailure(error);
    Answer(ErrorFrame(ref, conversation, error));
  }
  // Logs a command that failed for a reason other than its content, with the ids of the session.
  virtual void LogFailure(const Error& error) = 0;
  // Returns true if the outbox is more than half full; then ephemeral events are dropped.
  virtual bool Busy() const = 0;
  // While commands are held, none is passed to the session.
  virtual void HoldCommands(bool hold) = 0;
  // Sends the disconnect frame and closes. Later calls have no effect. Never destroys the session inside
  // the call.
  virtual void Close(CloseCode code, std::string_view reason) = 0;
};

}  // namespace parley

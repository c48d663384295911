// The commands of one socket: parses each, checks its rate limit, runs the handler of its row, and
// sends the answer. Commands take effect in the order sent (CommandRow::order).
//
// Back-pressure: beyond Limits::unanswered_commands, or unanswered_bytes of them, the transport is asked to hold
// commands, and then does not read from the connection (P6).
//
// Threads: one shard.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "session/context.h"
#include "session/transport.h"

namespace parley {

class CommandQueue {
 public:
  CommandQueue(SessionContext& context, Transport& transport, Session& session);
  ~CommandQueue() { *self_ = nullptr; }
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;

  // Until Open(), commands are held.
  void Open();
  void OnText(std::string_view text);
  // Returns whether a received ping can be answered; not if it exceeds the rate limit.
  bool TakePing();
  bool idle() const { return in_flight_ == 0; }

 private:
  void Dispatch(std::string_view text);
  bool TakeFromLimit(const CommandRow& row, const Command& command);
  // `bytes`: the size of the command's text.
  void Run(CommandRow& row, Command command, size_t bytes);
  static Task<void> Execute(std::shared_ptr<CommandQueue*> self, CommandRow& row, Command command,
                            size_t bytes);
  void OnFinished(const CommandRow& row, const Ref& ref, const Uuid& conversation,
                  const Result<std::string>& answer, size_t bytes);
  // Closes the socket of a client that does not slow down.
  void CountRefusal(Limit limit);
  void UpdateHold();
  void AnswerError(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error) {
    transport_.AnswerError(ref, conversation, error);
  }

  SessionContext& context_;
  Transport& transport_;
  Session& session_;
  std::shared_ptr<CommandQueue*> self_;    // for answers after the session's end
  std::unique_ptr<std::string> deferred_;  // a command that waits for earlier ones
  size_t in_flight_bytes_ = 0;             // total size of the texts of unanswered commands
  uint32_t in_flight_ = 0;                 // their number
  std::array<uint8_t, kLimitCount> refused_in_a_row_{};
  bool in_turn_running_ = false;
  bool open_ = false;
};

}  // namespace parley

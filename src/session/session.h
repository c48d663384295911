// A session: an authenticated socket. It joins the user's identity, the subscriptions, the commands and
// the typing indicators of the socket. Its transport owns it. Commands are implemented in the rows of
// features. Threads: one shard.
#pragma once
#include <string_view>
#include <vector>

#include "session/command_queue.h"
#include "session/context.h"
#include "session/subscriptions.h"
#include "session/transport.h"

namespace parley {

class Session final : private SubscriptionsSink {
 public:
  Session(SessionContext& context, Transport& transport, SessionRequest request, Identity identity);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Subscribes, then sends connection_established. Commands are held meanwhile.
  void Start();

  // --- from the transport
  void OnText(std::string_view text) { commands_.OnText(text); }
  void OnDrained() { subscriptions_.OnDrained(); }
  void OnTick();  // called about once a second
  bool TakePing() { return commands_.TakePing(); }
  bool idle() const { return commands_.idle(); }

  const Identity& identity() const { return identity_; }
  // nullopt for a user socket.
  const std::optional<Uuid>& only_conversation() const {
    return subscriptions_.only_conversation();
  }

  // --- for command rows

  // Errors: token_not_valid; forbidden for another user's token, or a service's socket and a user's token.
  Result<void> Reauthenticate(std::string_view token);
  // Sets conversations back to the client's positions; sends `resumed` later.
  void Resume(const Ref& ref, const ConversationSeqs& seqs) { subscriptions_.Resume(ref, seqs); }
  void AnswerError(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error) {
    transport_.AnswerError(ref, conversation, error);
  }
  // Errors: not_found.
  Result<void> SetTyping(const Uuid& conversation, bool is_typing);

 private:
  void OnEstablished() override { commands_.Open(); }
  void OnUnsubscribed(const Uuid& conversation) override { ForgetTyping(conversation); }
  void ForgetTyping(const Uuid& conversation);
  void PublishTyping(const Uuid& conversation, bool is_typing);

  struct Typing {
    Uuid conversation;
    Monotonic until;  // after this, the home ends it
  };

  SessionContext& context_;
  Transport& transport_;
  Identity identity_;
  const uint64_t socket_id_;
  Subscriptions subscriptions_;
  CommandQueue commands_;
  std::vector<Typing> typing_;  // ended with the session
  AskedAt asked_at_;
};

}  // namespace parley

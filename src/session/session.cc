#include "session/session.h"

#include <algorithm>

namespace parley {

Session::Session(SessionContext& context, Transport& transport, SessionRequest request,
                 Identity identity)
    : context_(context),
      transport_(transport),
      identity_(std::move(identity)),
      socket_id_(context.hub.NewSocketId()),
      subscriptions_(context, transport, std::move(request), identity_,
                     static_cast<SubscriptionsSink&>(*this)),
      commands_(context, transport, *this) {}

Session::~Session() {
  for (const Typing& typing : typing_) PublishTyping(typing.conversation, false);
}

void Session::Start() {
  transport_.HoldCommands(true);
  subscriptions_.Start();
}

Result<void> Session::Reauthenticate(std::string_view token) {
  Result<Identity> fresh = context_.verifier.Verify(token);
  if (!fresh) return Fail(fresh.error());
  if (fresh->user != identity_.user) {
    return Fail(ErrorCode::forbidden, "The token must be for the same user.");
  }
  if (identity_.service && !fresh->service) {  // the feeds were subscribed as a service
    return Fail(ErrorCode::forbidden, "The token must have the scope of a service, as before.");
  }
  identity_ = std::move(*fresh);
  asked_at_ = {};
  return {};
}

void Session::OnTick() {
  if (const auto why = context_.verifier.WhyEnded(identity_, asked_at_)) {
    return transport_.Close(CloseCode::kNotAuthenticated, *why);
  }
  const Monotonic now = context_.clock.Steady();
  std::erase_if(typing_, [&](const Typing& one) { return one.until <= now; });
  subscriptions_.OnTick();
}

// --- typing

Result<void> Session::SetTyping(const Uuid& conversation, bool is_typing) {
  if (!subscriptions_.Has(conversation)) return Fail(Error::NotFound());
  ForgetTyping(conversation);
  if (is_typing) typing_.push_back({conversation, context_.clock.Steady() + kTypingEnds});
  PublishTyping(conversation, is_typing);
  return {};
}

void Session::ForgetTyping(const Uuid& conversation) {
  std::erase_if(typing_, [&](const Typing& one) { return one.conversation == conversation; });
}

void Session::PublishTyping(const Uuid& conversation, bool is_typing) {
  context_.hub.SetTyping({.conversation = conversation,
                          .user = identity_.user,
                          .socket_id = socket_id_,
                          .as_service = identity_.service,
                          .is_typing = is_typing});
}

}  // namespace parley

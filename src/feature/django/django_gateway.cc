#include "feature/django/django_gateway.h"

#include <algorithm>

#include "domain/text.h"
#include "protocol/events.h"

namespace parley {
namespace {

using django::DjangoEvent;

// How long after its arrival a message is looked up again.
constexpr auto kCheckAgain = std::chrono::seconds(1);
constexpr size_t kPending = 10'000;

bool IsAboutMessage(EventKind kind) {
  return kind == EventKind::kMessage || kind == EventKind::kMessageUpdated ||
         kind == EventKind::kMessageDeleted;
}

EventRef EventFrom(DjangoEvent&& from) {
  const bool typing = from.kind == EventKind::kTyping;
  const bool presence = from.kind == EventKind::kUserOnline || from.kind == EventKind::kUserOffline;
  const bool small = typing || presence || from.kind == EventKind::kReadReceipt;
  Event event{.conversation = from.conversation.value_or(Uuid{}),
              .kind = from.kind,
              .json = std::move(from.json),
              .audience = small ? Audience::kSmallConversations : Audience::kEveryone,
              .origin = Origin::kDjango,
              .single_conversation = presence};
  if (typing || presence) event.except_user = std::move(from.user);
  if (!from.conversation) {
    event.audience = Audience::kOneUser;
    event.user = std::move(from.to_user);
  }
  return std::make_shared<const Event>(std::move(event));
}

}  // namespace

DjangoGateway::DjangoGateway(Executor& self, MessageStore& store, const Clock& clock,
                             const Limits& limits, DjangoCounters& counters,
                             django::DjangoBridge::Options options, ForeignMessages foreign)
    : self_(self),
      store_(store),
      clock_(clock),
      limits_(limits),
      counters_(counters),
      foreign_(foreign),
      bridge_(std::move(options), clock, counters.layer) {}

DjangoGateway::~DjangoGateway() = default;

void DjangoGateway::Connect(std::span<const std::unique_ptr<Hub>> hubs) {
  for (const auto& hub : hubs) hubs_.push_back(hub.get());
}

// --- to Django

void DjangoGateway::OnEvent(const EventRef& event, const MemberChange&, uint64_t) {
  if (!event->json.empty()) Publish(event);
}

void DjangoGateway::Publish(const EventRef& event) {
  bridge_.Publish(event->conversation, std::shared_ptr<const std::string>(event, &event->json));
}

void DjangoGateway::OnTyping(const TypingUpdate& update) {
  Publish(TypingEvent(update.conversation, update.user, update.is_typing));
}

void DjangoGateway::OnPresence(const Uuid& conversation, const UserId& user, bool online) {
  Publish(PresenceEvent(conversation, user, online));
}

void DjangoGateway::FollowUser(const UserId& user) {
  const MutexLock lock(mutex_);
  if (++user_sockets_[user] == 1) bridge_.SubscribeUser(user);
}

void DjangoGateway::LeaveUser(const UserId& user) {
  const MutexLock lock(mutex_);
  const auto found = user_sockets_.find(user);
  if (found == user_sockets_.end() || --found->second > 0) return;
  user_sockets_.erase(found);
  bridge_.UnsubscribeUser(user);
}

// --- from Django

void DjangoGateway::OnDjangoEvent(DjangoEvent event) {
  if (IsAboutMessage(event.kind)) {
    const size_t bytes = sizeof event + event.json.size();
    self_.PostHolding(
        [this, event = std::move(event)]() mutable { CheckStored(std::move(event), true); }, bytes);
  } else if (!event.conversation) {
    Hub::SendToUser(hubs_, EventFrom(std::move(event)));
  } else {
    Hub::Broadcast(hubs_, EventFrom(std::move(event)));
  }
}

void DjangoGateway::CheckStored(DjangoEvent event, bool again) {
  const Uuid id = event.message_id;
  store_.ReadMessage(
      id, UserId(), true, self_,
      [this, event = std::move(event), again](const Result<Message>& stored) mutable {
        if (!stored) OnUnknown(std::move(event), again);
      });
}

void DjangoGateway::OnUnknown(DjangoEvent event, bool again) {
  if (again && pending_.size() < kPending) {
    pending_.push_back({std::move(event), clock_.Steady() + kCheckAgain});
  } else if (foreign_ == ForeignMessages::kRelay) {
    Relay(std::move(event));
  } else if (foreign_ == ForeignMessages::kStore && event.kind == EventKind::kMessage &&
             event.message) {
    Store(*event.message);
  } else {
    counters_.dropped.Add();
  }
}

void DjangoGateway::OnTick(Monotonic now) {
  while (!pending_.empty() && pending_.front().check_again <= now) {
    DjangoEvent event = std::move(pending_.front().event);
    pending_.pop_front();
    CheckStored(std::move(event), false);
  }
}

void DjangoGateway::Relay(DjangoEvent event) {
  counters_.relayed.Add();
  Hub::Broadcast(hubs_, EventFrom(std::move(event)));
}

void DjangoGateway::Store(const django::ForeignMessage& message) {
  NewMessage made{.id = message.id,
                  .conversation_id = message.conversation_id,
                  .sender_id = message.sender_id.value_or(UserId()),
                  .content = std::string(Trim(message.content)),
                  .content_type = message.content_type,
                  .metadata = message.metadata,
                  .client_id = "django:" + message.id.ToString()};
  std::ranges::copy(message.id.bytes, made.request_hash.begin());
  const bool fits = !made.sender_id.empty() && !made.content.empty() &&
                    made.content.size() <= limits_.content_bytes &&
                    made.content_type.size() <= limits_.content_type_characters &&
                    made.metadata.size() <= limits_.metadata_bytes;
  if (!fits) return counters_.dropped.Add();
  hubs_.front()->Send(std::move(made), [this](const Result<StoredMessage>& stored) {
    (stored ? counters_.stored : counters_.dropped).Add();
  });
}

}  // namespace parley

// Hub: distributes the events of other nodes to the shards.
#include <algorithm>

#include "hub/hub.h"
#include "protocol/events.h"

namespace parley {
namespace {

// Posts once to each hub with items; `place` returns the index of an item's hub.
template <class Item, class Place, class Work>
void Scatter(std::span<Hub* const> hubs, std::vector<Item> items, Place place, Work work) {
  std::vector<std::vector<Item>> parts(hubs.size());
  for (Item& item : items) {
    const size_t at = place(item);
    parts[at].push_back(std::move(item));
  }
  for (size_t i = 0; i < hubs.size(); ++i) {
    if (!parts[i].empty()) work(*hubs[i], std::move(parts[i]));
  }
}

// The approximate size of a posted item, for the limit of the inbox.
size_t BytesOf(const RemoteEvent& remote) {
  return sizeof(RemoteEvent) + sizeof(Event) + remote.event->json.size();
}
size_t BytesOf(const std::vector<UserId>& users) {
  size_t bytes = 0;
  for (const UserId& user : users) bytes += sizeof(UserId) + user.size();
  return bytes;
}

// The user's socket follows the conversation from here: messages may have followed since the user joined, and
// the read mark of a member begins where the member joined.
int64_t JoinedAt(const Conversation& conversation, const UserId& user) {
  for (const Member& member : conversation.members) {
    if (member.user == user) return member.last_read_seq;
  }
  return conversation.seq;
}

}  // namespace

void Hub::IngestRemote(std::span<Hub* const> hubs, std::vector<RemoteEvent> events) {
  Scatter(
      hubs, std::move(events),
      [&](const RemoteEvent& one) { return ShardOf(one.event->conversation, hubs.size()); },
      [](Hub& hub, std::vector<RemoteEvent> part) {
        size_t bytes = 0;
        for (const RemoteEvent& one : part) bytes += BytesOf(one);
        auto work = [&hub, part = std::move(part)] {
          for (const RemoteEvent& one : part) hub.home_.IngestRemote(one);
        };
        hub.self_.PostHolding(std::move(work), bytes);
      });
}

void Hub::Broadcast(std::span<Hub* const> hubs, EventRef event) {
  Hub& hub = *hubs[ShardOf(event->conversation, hubs.size())];
  const size_t bytes = sizeof(Event) + event->json.size();
  auto work = [&hub, event = std::move(event)] { hub.home_.BroadcastEphemeral(event); };
  hub.self_.PostHolding(std::move(work), bytes);
}

void Hub::SendToUser(std::span<Hub* const> hubs, EventRef event) {
  const size_t bytes = sizeof(Event) + event->json.size();
  for (Hub* hub : hubs) {
    auto work = [hub, event] {
      auto [at, end] = hub->users_.equal_range(event->user);
      for (; at != end; ++at) at->second.sink->OnUserEvent(*event);
    };
    hub->self_.PostHolding(std::move(work), bytes);
  }
}

void Hub::OnRemoteTyping(std::span<Hub* const> hubs, TypingUpdate update) {
  Hub& hub = *hubs[ShardOf(update.conversation, hubs.size())];
  auto work = [&hub, update = std::move(update)] { hub.home_.OnRemoteTyping(update); };
  hub.self_.PostHolding(std::move(work), sizeof(TypingUpdate));
}

void Hub::OnRemoteJoined(std::span<Hub* const> hubs, std::vector<UserId> users, Joined joined) {
  const size_t bytes = BytesOf(users) + joined.created->json.size();
  const auto shared = std::make_shared<const std::vector<UserId>>(std::move(users));
  for (Hub* hub : hubs) {
    auto work = [hub, shared, joined] { hub->OnAnnounced(*shared, joined); };
    hub->self_.PostHolding(std::move(work), bytes);
  }
}

void Hub::OnRemotePresence(std::span<Hub* const> hubs, std::vector<UserId> users, bool shown) {
  Scatter(
      hubs, std::move(users), [&](const UserId& user) { return KeyedHash()(user) % hubs.size(); },
      [shown](Hub& hub, std::vector<UserId> part) {
        const size_t bytes = BytesOf(part);
        auto work = [&hub, shown, part = std::move(part)] {
          if (!hub.presence_) return;
          for (const UserId& user : part) hub.presence_->SetOnlineElsewhere(user, shown);
        };
        hub.self_.PostHolding(std::move(work), bytes);
      });
}

void Hub::OnChangedHeads(std::span<Hub* const> hubs, std::vector<UserConversationHead> heads) {
  Scatter(
      hubs, std::move(heads),
      [&](const UserConversationHead& head) { return ShardOf(head.conversation_id, hubs.size()); },
      [](Hub& hub, std::vector<UserConversationHead> part) {
        const size_t bytes = part.size() * sizeof(UserConversationHead);
        auto work = [&hub, part = std::move(part)] { hub.home_.OnChangedHeads(part); };
        hub.self_.PostHolding(std::move(work), bytes);
      });
}

bool Hub::Congested(std::span<Hub* const> hubs) {
  return std::ranges::any_of(hubs, [](const Hub* hub) { return hub->self_.Congested(); });
}

void Hub::RecheckHeads(std::span<Hub* const> hubs) {
  for (Hub* hub : hubs) {
    hub->self_.Post([hub] { hub->home_.RecheckHeads(); });
  }
}

void Hub::Adopt(std::span<Hub* const> hubs, std::span<const Uuid> conversations,
                const std::function<void()>& done) {
  for (const Uuid& conversation : conversations) {
    Hub& home = *hubs[ShardOf(conversation, hubs.size())];
    home.self_.Post([&home, conversation, done] { home.home_.Adopt(conversation, done); });
  }
}

void Hub::OnAccessChange(std::span<Hub* const> hubs, const AccessChange& change) {
  Hub& home = *hubs[ShardOf(change.conversation, hubs.size())];
  switch (change.kind) {
    case AccessChange::Kind::kJoined:
      for (Hub* hub : hubs) {
        hub->self_.Post(
            [hub, change] { hub->AnnounceIfMember(change.conversation, change.users); });
      }
      break;
    case AccessChange::Kind::kRemoved:
      home.self_.Post([&home, change] {
        for (const UserId& user : change.users)
          home.home_.OnMemberRemoved(change.conversation, user);
      });
      break;
    case AccessChange::Kind::kDeleted:
      home.self_.Post([&home, change] { home.home_.OnConversationDeleted(change.conversation); });
      break;
  }
}

void Hub::AnnounceIfMember(const Uuid& conversation, const std::vector<UserId>& users) {
  if (users_.empty()) return;
  for (const UserId& user : users) {
    auto [at, end] = users_.equal_range(user);
    bool all_follow = true;
    for (; at != end; ++at) all_follow = all_follow && at->second.sink->Follows(conversation);
    if (all_follow) continue;
    store_.ReadConversation(conversation, user, false, self_,
                            [this, conversation, user](const Result<ConversationView>& view) {
                              if (!view && view.error().code != ErrorCode::not_found) {
                                unverified_joins_.emplace_back(conversation, user);
                              }
                              if (!view) return;
                              Conversation found = view->conversation;
                              found.seq = std::min(found.seq, JoinedAt(found, user));
                              OnAnnounced({&user, 1}, {ConversationCreatedEvent(found), found.seq});
                            });
  }
}

void Hub::RetryUnverified(Monotonic now) {
  if (now < next_retry_) return;
  next_retry_ = now + std::chrono::seconds(1);
  home_.RetryRemovals();
  for (const auto& [conversation, user] : std::exchange(unverified_joins_, {})) {
    AnnounceIfMember(conversation, {user});
  }
}

void Hub::PublishPresence(const UserId& user, bool online) {
  if (publisher_ != nullptr) publisher_->PublishPresence(user, online);
}

}  // namespace parley

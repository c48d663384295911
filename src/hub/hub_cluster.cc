// Hub: what other nodes tell, handed to the shards that it is for.
#include "hub/hub.h"

namespace parley {
namespace {

// One post for each hub that has something among `items`; `place` says which.
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

}  // namespace

void Hub::OnRemote(std::span<Hub* const> hubs, std::vector<RemoteEvent> events) {
  Scatter(
      hubs, std::move(events),
      [&](const RemoteEvent& one) { return ShardOf(one.event->conversation, hubs.size()); },
      [](Hub& hub, std::vector<RemoteEvent> part) {
        hub.self_.Post([&hub, part = std::move(part)] {
          for (const RemoteEvent& one : part) hub.home_.OnRemote(one);
        });
      });
}

void Hub::OnRemoteTyping(std::span<Hub* const> hubs, TypingSign sign) {
  Hub& hub = *hubs[ShardOf(sign.conversation, hubs.size())];
  hub.self_.Post([&hub, sign = std::move(sign)] { hub.home_.OnRemoteTyping(sign); });
}

void Hub::OnRemoteJoined(std::span<Hub* const> hubs, std::vector<UserId> users, Joined joined) {
  const auto shared = std::make_shared<const std::vector<UserId>>(std::move(users));
  for (Hub* hub : hubs) {
    hub->self_.Post([hub, shared, joined] { hub->OnAnnounced(*shared, joined); });
  }
}

void Hub::OnRemotePresence(std::span<Hub* const> hubs, std::vector<UserId> users, bool shown) {
  Scatter(
      hubs, std::move(users),
      [&](const UserId& user) { return std::hash<UserId>()(user) % hubs.size(); },
      [shown](Hub& hub, std::vector<UserId> part) {
        hub.self_.Post([&hub, shown, part = std::move(part)] {
          if (!hub.presence_) return;
          for (const UserId& user : part) hub.presence_->ShownElsewhere(user, shown);
        });
      });
}

void Hub::OnFollowed(std::span<Hub* const> hubs, std::vector<Uuid> conversations) {
  Scatter(
      hubs, std::move(conversations),
      [&](const Uuid& conversation) { return ShardOf(conversation, hubs.size()); },
      [](Hub& hub, std::vector<Uuid> part) {
        hub.self_.Post([&hub, part = std::move(part)] { hub.home_.OnFollowed(part); });
      });
}

void Hub::CheckAllSoon(std::span<Hub* const> hubs) {
  for (Hub* hub : hubs) {
    hub->self_.Post([hub] { hub->home_.CheckAllSoon(); });
  }
}

void Hub::OnAccessChange(std::span<Hub* const> hubs, const AccessChange& change) {
  Hub& home = *hubs[ShardOf(change.conversation, hubs.size())];
  switch (change.kind) {
    case AccessChange::Kind::kJoined:
      for (Hub* hub : hubs) {
        hub->self_.Post([hub, change] { hub->LetJoin(change.conversation, change.users); });
      }
      break;
    case AccessChange::Kind::kParted:
      home.self_.Post([&home, change] {
        for (const UserId& user : change.users) home.home_.OnParted(change.conversation, user);
      });
      break;
    case AccessChange::Kind::kDeleted:
      home.self_.Post([&home, change] { home.home_.OnGone(change.conversation); });
      break;
  }
}

void Hub::LetJoin(const Uuid& conversation, const std::vector<UserId>& users) {
  if (users_.empty()) return;
  for (const UserId& user : users) {
    auto [at, end] = users_.equal_range(user);
    bool all_follow = true;
    for (; at != end; ++at) all_follow = all_follow && at->second->Follows(conversation);
    if (all_follow) continue;
    store_.ReadConversation(conversation, user, false, self_,
                            [this, conversation, user](const Result<ConversationView>& view) {
                              if (!view && view.error().code != ErrorCode::not_found) {
                                joins_unsure_.emplace_back(conversation, user);
                              }
                              if (!view) return;
                              const Conversation& found = view->conversation;
                              OnAnnounced({&user, 1}, {ConversationCreatedEvent(found), found.seq});
                            });
  }
}

void Hub::AskAgain(Monotonic now) {
  if (now < next_retry_) return;
  next_retry_ = now + std::chrono::seconds(1);
  home_.AskAgainWhoParted();
  for (const auto& [conversation, user] : std::exchange(joins_unsure_, {})) {
    LetJoin(conversation, {user});
  }
}

void Hub::TellNodes(const UserId& user, bool online) {
  if (wire_ != nullptr) wire_->TellPresence(user, online);
}

}  // namespace parley

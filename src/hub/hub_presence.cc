// Hub: sends presence from a user's shard to the homes of the user's conversations, and to the
// sockets of the users who share them.
#include "hub/hub.h"

#include <unordered_set>

#include "protocol/events.h"

namespace parley {

void Hub::AddUser(const UserId& user, UserSink& sink) {
  users_.emplace(user, UserSocket{&sink, clock_ == nullptr ? Monotonic{} : clock_->Steady()});
  for (FollowSink* follow : follow_sinks_) follow->FollowUser(user);
}

void Hub::RemoveUser(const UserId& user, UserSink& sink) {
  auto [at, end] = users_.equal_range(user);
  for (; at != end; ++at) {
    if (at->second.sink == &sink) {
      users_.erase(at);
      for (FollowSink* follow : follow_sinks_) follow->LeaveUser(user);
      return;
    }
  }
}

// Each home has some of the user's conversations. A user socket receives one event for all of them.
void Hub::BroadcastPresence(const UserId& user, bool online, Origin origin,
                            UniqueFunction<void()> done) {
  struct Gathering {
    size_t homes_left;
    std::vector<SharedUsers> lists;
    UniqueFunction<void()> done;
  };
  auto gathering = std::make_shared<Gathering>(Gathering{hubs_.size(), {}, std::move(done)});
  for (Hub* hub : hubs_) {
    hub->self_.Post([this, hub, user, online, origin, gathering] {
      std::vector<SharedUsers> reached = hub->home_.BroadcastPresence(user, online, origin);
      self_.Post([this, user, online, gathering, reached = std::move(reached)] {
        gathering->lists.insert(gathering->lists.end(), reached.begin(), reached.end());
        if (--gathering->homes_left > 0) return;
        if (!gathering->lists.empty()) SendToUsers(std::move(gathering->lists), user, online);
        gathering->done();
      });
    });
  }
}

void Hub::SendToUsers(std::vector<SharedUsers> lists, const UserId& changed_user, bool online) {
  const auto shared = std::make_shared<const std::vector<SharedUsers>>(std::move(lists));
  const EventRef event = PresenceEvent(std::nullopt, changed_user, online);
  for (Hub* hub : hubs_) {
    hub->self_.Post([hub, shared, event, changed_user, online] {
      if (!hub->users_.empty()) hub->SendPresenceTo(*shared, changed_user, online, *event);
    });
  }
}

void Hub::SendPresenceTo(std::span<const SharedUsers> lists, const UserId& changed_user,
                         bool online, const Event& event) {
  std::unordered_set<const UserSocket*> reached;  // a user may be in several lists
  for (const SharedUsers& list : lists) {
    for (const UserId& user : *list) {
      if (user == changed_user) continue;
      auto [at, end] = users_.equal_range(user);
      for (; at != end; ++at) {
        const bool once = lists.size() == 1 || reached.insert(&at->second).second;
        if (once) SendPresence(at->second, changed_user, online, event);
      }
    }
  }
}

void Hub::CatchUpPresence(const UserId& user, std::span<const UserId> members) {
  if (!presence_) return;
  auto [first, end] = users_.equal_range(user);
  for (auto at = first; at != end; ++at) {
    for (const UserId& member : members) {
      if (member == user || !online_->ChangedSince(member, at->second.since)) continue;
      const bool online = online_->Has(member);
      SendPresence(at->second, member, online, *PresenceEvent(std::nullopt, member, online));
    }
  }
}

void Hub::SendPresence(UserSocket& socket, const UserId& changed_user, bool online,
                       const Event& event) {
  // After this time all conversations of the socket are subscribed, and each change arrives once.
  if (socket.since + OnlineUsers::kRecent < clock_->Steady()) {
    if (!socket.presence.empty()) socket.presence = {};  // clear() would keep the buckets
    socket.sink->OnPresence(event);
    return;
  }
  const auto before = socket.presence.find(changed_user);
  if (before != socket.presence.end() && before->second == online) return;
  constexpr size_t kRemembered = 2'000;
  if (!socket.sink->OnPresence(event)) return;
  if (before != socket.presence.end()) {
    before->second = online;
  } else if (socket.presence.size() < kRemembered) {
    socket.presence.emplace(changed_user, online);
  }
}

}  // namespace parley

#include "hub/presence.h"

namespace parley {

void Presence::Connected(const UserId& user) {
  User& here = users_[user];
  if (++here.connections > 1) return;
  store_.NoteSeen(user, clock_.Now());
  ShowHere(user, here, true);
}

void Presence::ShowHere(const UserId& user, User& here, bool shown) {
  here.was_here |= shown;
  if (std::exchange(here.online_here, shown) != shown) sink_.PublishPresence(user, shown);
  Settle(user, here);
}

void Presence::SetOnlineElsewhere(const UserId& user, bool shown) {
  User& here = users_[user];
  here.elsewhere += shown ? 1 : -1;
  Settle(user, here);
}

void Presence::Settle(const UserId& user, User& here) {
  const bool online = here.online_here || here.elsewhere > 0;
  here.changed |= online != online_.Has(user);
  if (online) {
    online_.Show(user, clock_.Steady());
  } else {
    online_.Hide(user, clock_.Steady());
  }
  Announce(user);
}

void Presence::Disconnected(const UserId& user) {
  const auto found = users_.find(user);
  if (found == users_.end() || --found->second.connections > 0) return;
  found->second.gone_at = clock_.Steady();
  departures_.push_back({user, found->second.gone_at});
  store_.NoteSeen(user, clock_.Now());
}

void Presence::OnTick(Monotonic now) {
  while (!departures_.empty() && departures_.front().at + kPresenceDebounce <= now) {
    const Departure gone = std::move(departures_.front());
    departures_.pop_front();
    const auto found = users_.find(gone.user);
    // Ignores departures of users who have reconnected, or have departed again since.
    if (found == users_.end() || found->second.connections > 0 ||
        found->second.gone_at != gone.at) {
      continue;
    }
    ShowHere(gone.user, found->second, false);
  }
}

void Presence::Announce(const UserId& user) {
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  User& here = found->second;
  const bool online = online_.Has(user);
  if (here.broadcasting) return;
  const bool changed = std::exchange(here.changed, false);
  if (here.announced == online && !changed) {
    if (!online && here.connections == 0 && here.elsewhere <= 0) users_.erase(found);
    return;
  }
  // A greeting may have read a state that began and ended during the last broadcast: both are broadcast.
  here.announced = !here.announced;
  here.broadcasting = true;
  const Origin origin = here.was_here ? Origin::kThisNode : Origin::kOtherNode;
  here.was_here = here.online_here;
  sink_.BroadcastPresence(user, here.announced, origin, [this, user] {
    users_[user].broadcasting = false;
    Announce(user);  // the state may have changed meanwhile
  });
}

}  // namespace parley

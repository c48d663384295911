// Presence: users whose id hashes to this shard, how many connections each has on the node, and what
// the others have been told. Online is told when the first connection comes, offline two seconds
// after the last has gone, so that a page that is loaded again says neither (product.md P11, §4).
//
//   away ──first connection──▶ told online ──last one gone──▶ leaving ──2 s──▶ told offline
//                                   ▲────────one comes back──────┘
//
// A user whom another node shows is online here too; each node tells its own connections.
//
// One shard's thread.
#pragma once
#include <deque>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "hub/online_users.h"
#include "protocol/events.h"
#include "store/store.h"

namespace parley {

inline constexpr auto kPresenceDebounce = std::chrono::seconds(2);

// Where what is told goes.
class PresenceOutlet {
 public:
  virtual ~PresenceOutlet() = default;
  virtual void TellConversation(EventRef event) = 0;
  virtual void TellUsers(std::vector<UserId> users, EventRef event) = 0;
  // As far as this node's own connections go.
  virtual void TellNodes(const UserId& user, bool online) = 0;
};

class Presence {
 public:
  // Conversations of more than `live_participants` are told nothing.
  Presence(Executor& self, Store& store, PresenceOutlet& outlet, OnlineUsers& online,
           const Clock& clock, size_t live_participants)
      : self_(self),
        store_(store),
        outlet_(outlet),
        online_(online),
        clock_(clock),
        live_participants_(live_participants) {}

  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  void OnTick(Monotonic now);
  // Another node shows the user, or does so no more; as many of these as of those.
  void ShownElsewhere(const UserId& user, bool shown);

 private:
  struct User {
    int connections = 0;
    bool shown_here = false;  // from the first connection to two seconds after the last
    int elsewhere = 0;        // nodes that show the user
    bool told = false;        // what the others know: online or not
    bool telling = false;     // the store is being asked whom to tell
    Monotonic gone_at = {};
  };
  struct Departure {
    UserId user;
    Monotonic at;
  };

  void ShowHere(const UserId& user, User& here, bool shown);
  // What follows from who shows the user.
  void Settle(const UserId& user, const User& here);
  // Tells those who share a conversation what is so now, unless they know.
  void Tell(const UserId& user);
  void OnCompany(const UserId& user, bool online, const Result<Company>& company);

  Executor& self_;
  Store& store_;
  PresenceOutlet& outlet_;
  OnlineUsers& online_;
  const Clock& clock_;
  const size_t live_participants_;
  KeyedMap<User> users_;
  std::deque<Departure> departures_;  // in the order in which they went
  std::vector<UserId> untold_;        // the store could not say whom; tried again
};

}  // namespace parley

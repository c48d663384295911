// Presence of the users whose id hashes to this shard: the number of connections of each user on this
// node, and the last broadcast state. A user is broadcast as online at the first connection, and as
// offline 2 s after the last one has closed (debounce), so that reloading a page broadcasts neither.
//
//   away ──first connection──▶ online ──last connection closed──▶ leaving ──2 s──▶ offline
//                                 ▲──────────reconnected─────────────┘
//
// A user who is online on another node is online here too. Each node broadcasts to its own connections
// from its own cache: a client that must receive the event subscribes to the conversation on this node,
// so its members are cached. Threads: one shard.
#pragma once
#include <deque>

#include "base/clock.h"
#include "base/keyed_hash.h"
#include "base/unique_function.h"
#include "hub/online_users.h"
#include "protocol/event.h"
#include "store/activity_store.h"

namespace parley {

inline constexpr auto kPresenceDebounce = std::chrono::seconds(2);

// Receives the broadcasts of Presence.
class PresenceSink {
 public:
  virtual ~PresenceSink() = default;
  // Sends the user's presence to the users on this node who share a conversation with the user.
  // `origin`: kThisNode if the user is or was connected to this node. Calls `done` later on the same
  // shard, when the broadcast has been queued.
  virtual void BroadcastPresence(const UserId& user, bool online, Origin origin,
                                 UniqueFunction<void()> done) = 0;
  // Publishes to the other nodes whether the user is connected to this node.
  virtual void PublishPresence(const UserId& user, bool online) = 0;
};

class Presence {
 public:
  Presence(ActivityStore& store, PresenceSink& sink, OnlineUsers& online, const Clock& clock)
      : store_(store), sink_(sink), online_(online), clock_(clock) {}

  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  void OnTick(Monotonic now);
  // The user came online (`shown`) or went offline on another node. Calls must be balanced.
  void SetOnlineElsewhere(const UserId& user, bool shown);

 private:
  struct User {
    int connections = 0;
    bool online_here = false;   // from the first connection to 2 s after the last one
    int elsewhere = 0;          // number of other nodes on which the user is online
    bool was_here = false;      // online_here since the last broadcast of user_offline
    bool announced = false;     // last broadcast state: true if online
    bool broadcasting = false;  // a broadcast is in progress
    bool changed = false;       // the state has changed since the last broadcast began
    Monotonic gone_at = {};
  };
  struct Departure {
    UserId user;
    Monotonic at;
  };

  void ShowHere(const UserId& user, User& here, bool shown);
  // Updates the user's state from this node's and the other nodes' connections.
  void Settle(const UserId& user, User& here);
  // Broadcasts the user's state if it differs from the last broadcast state.
  void Announce(const UserId& user);

  ActivityStore& store_;
  PresenceSink& sink_;
  OnlineUsers& online_;
  const Clock& clock_;
  KeyedMap<User> users_;
  std::deque<Departure> departures_;  // in the order of departure
};

}  // namespace parley

// Presence: users whose id hashes to this shard, how many connections each has on the node, and what
// was last broadcast of them. Online is broadcast when the first connection comes, offline two seconds
// after the last has gone, so that a page that is loaded again broadcasts neither.
//
//   away ──first connection──▶ online ──last one gone──▶ leaving ──2 s──▶ offline
//                                 ▲────────one comes back────┘
//
// A user whom another node shows is online here too; each node broadcasts to its own connections, from
// its own memory: a client that must receive it listens to the conversation here, so its members are known.
//
// One shard's thread.
#pragma once
#include <deque>

#include "base/clock.h"
#include "base/keyed_hash.h"
#include "base/unique_function.h"
#include "hub/online_users.h"
#include "store/activity_store.h"

namespace parley {

inline constexpr auto kPresenceDebounce = std::chrono::seconds(2);

// Where broadcasts go.
class PresenceSink {
 public:
  virtual ~PresenceSink() = default;
  // To those on this node who share a conversation with the user. Calls `done` later, on the same shard,
  // when it is on its way.
  virtual void BroadcastPresence(const UserId& user, bool online, UniqueFunction<void()> done) = 0;
  // To the other nodes, as far as this node's own connections go.
  virtual void PublishPresence(const UserId& user, bool online) = 0;
};

class Presence {
 public:
  Presence(ActivityStore& store, PresenceSink& sink, OnlineUsers& online, const Clock& clock)
      : store_(store), sink_(sink), online_(online), clock_(clock) {}

  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  void OnTick(Monotonic now);
  // Another node shows the user, or no longer does; as many of these as of those.
  void ShownElsewhere(const UserId& user, bool shown);

 private:
  struct User {
    int connections = 0;
    bool shown_here = false;    // from the first connection to two seconds after the last
    int elsewhere = 0;          // nodes that show the user
    bool announced = false;     // as what the user was last broadcast: online or not
    bool broadcasting = false;  // and that is not done
    Monotonic gone_at = {};
  };
  struct Departure {
    UserId user;
    Monotonic at;
  };

  void ShowHere(const UserId& user, User& here, bool shown);
  // What follows from the nodes that show the user.
  void Settle(const UserId& user, const User& here);
  // Broadcasts the user's state if it is another than the last one that was.
  void Announce(const UserId& user);

  ActivityStore& store_;
  PresenceSink& sink_;
  OnlineUsers& online_;
  const Clock& clock_;
  KeyedMap<User> users_;
  std::deque<Departure> departures_;  // in the order in which they went
};

}  // namespace parley

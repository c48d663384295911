// The other nodes, as far as this one has heard: which store they have, and which users they show.
// One that says nothing for 15 s is taken for dead, and its users for gone (P11). No I/O and no clock.
//
// Nodes of another store on the same bus are a configuration error. A node that
// has run on the bus for a lease without a mismatch is settled and keeps serving; a node that is not
// settled, and hears no settled node of its own store, yields.
#pragma once
#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/keyed_hash.h"

namespace parley {

inline constexpr auto kNodeLease = std::chrono::seconds(15);
// A node that says goodbye sends its users elsewhere: they are not shown as gone meanwhile.
inline constexpr auto kShutdownLease = std::chrono::seconds(3);

// Users and a digest of them that does not depend on their order.
class ShownUsers {
 public:
  bool Add(const UserId& user);
  bool Remove(const UserId& user);
  uint64_t digest() const { return digest_; }
  const KeyedSet& users() const { return users_; }

 private:
  KeyedSet users_;
  uint64_t digest_ = 0;
};

class Neighbours {
 public:
  // A node shows these users now, or does so no more.
  using Show = std::function<void(std::vector<UserId> users, bool shown)>;
  explicit Neighbours(Uuid store, Show show) : store_(store), show_(std::move(show)) {}

  // Each message of a node's. True: it was not known before.
  bool OnMessage(const Uuid& node, Monotonic now);
  struct Announcement {
    Uuid store;
    uint64_t users = 0, digest = 0;
    bool settled = false;
  };
  // True: what we hold of its users is not what it says.
  bool OnHello(const Uuid& node, const Announcement& hello);
  void OnPresence(const Uuid& node, const std::vector<UserId>& users, bool online);
  // Its users follow, all of them, and then a Hello.
  void OnReset(const Uuid& node);
  void OnShutdown(const Uuid& node, Monotonic now);
  // A few times a second. `up`: the bus is.
  void OnTick(Monotonic now, bool up);

  bool AnotherStore() const;
  // This node must not serve beside the nodes of another store.
  bool Mismatch() const;
  bool settled() const { return settled_; }
  // It has announced this node's store.
  bool IsOurs(const Uuid& node) const;
  // It has announced another one. What it says of users and conversations is not about ours.
  bool IsForeign(const Uuid& node) const;
  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    Monotonic until;
    Uuid store;  // nil: not heard yet
    ShownUsers shown;
    KeyedSet unconfirmed;  // shown before a Reset, and not named since
    bool leaving = false;
    bool settled = false;
  };
  const Uuid store_;
  const Show show_;
  std::map<Uuid, Node> nodes_;
  Monotonic last_tick_ = {};
  Monotonic consistent_since_ = {};  // up, and without a mismatch
  bool settled_ = false;
};

}  // namespace parley

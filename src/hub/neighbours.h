// The other nodes as known from their messages: the store and the online users of each. A node that
// is silent for 15 s is considered dead, and its users offline. Performs no I/O and reads no clock.
//
// Nodes with different stores on the same bus are a configuration error. A node that has been on
// the bus for a lease without a mismatch is settled and continues to serve. A node that is not
// settled, and knows no settled node with its own store, must not serve.
#pragma once
#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/keyed_hash.h"

namespace parley {

inline constexpr auto kNodeLease = std::chrono::seconds(15);
// A node that shuts down sends its users to other nodes; their offline events are delayed by this
// time.
inline constexpr auto kShutdownLease = std::chrono::seconds(3);

// A set of users with a digest that does not depend on their order.
class LocalUsers {
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
  // Called when users come online (`shown`) or go offline on another node.
  using Show = std::function<void(std::vector<UserId> users, bool shown)>;
  explicit Neighbours(Uuid store, Show show) : store_(store), show_(std::move(show)) {}

  // Called for each message of a node. Returns true if the node was unknown.
  bool OnMessage(const Uuid& node, Monotonic now);
  struct Announcement {
    Uuid store;
    uint64_t users = 0, digest = 0;
    bool settled = false;
  };
  // Returns true if the known users of the node differ from the announced digest.
  bool OnHello(const Uuid& node, const Announcement& hello);
  void OnPresence(const Uuid& node, const std::vector<UserId>& users, bool online);
  // The node will announce all of its users, followed by a hello.
  void OnReset(const Uuid& node);
  void OnShutdown(const Uuid& node, Monotonic now);
  // Called several times per second. `up`: the bus is connected.
  void OnTick(Monotonic now, bool up);

  bool AnotherStore() const;
  // Returns true if this node must not serve because of the nodes with another store.
  bool Mismatch() const;
  bool settled() const { return settled_; }
  // Returns true if the node has announced this node's store.
  bool IsOurs(const Uuid& node) const;
  // Returns true if the node has announced another store. Its users and conversations are then
  // unrelated to this node's.
  bool IsForeign(const Uuid& node) const;
  size_t size() const { return nodes_.size(); }

  // A node as `parley status` shows it.
  struct Seen {
    Uuid node;
    Monotonic heard;       // when its last message arrived
    bool leaving = false;  // it shuts down
    bool foreign = false;  // it has another store
  };
  std::vector<Seen> All() const;

 private:
  struct Node {
    Monotonic until, heard;
    Uuid store;  // nil: not announced yet
    LocalUsers shown;
    KeyedSet unconfirmed;  // users known before a reset that have not been announced since
    bool leaving = false;
    bool settled = false;
  };
  const Uuid store_;
  const Show show_;
  std::map<Uuid, Node> nodes_;
  Monotonic last_tick_ = {};
  // start of the period in which the bus is up without a mismatch
  Monotonic consistent_since_ = {};
  bool settled_ = false;
};

}  // namespace parley

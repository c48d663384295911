// Connects this node to the other nodes: publishes local events, passes events of other nodes to
// the hubs, and tracks the online users of each node (Neighbours). Without a bus, homes still
// follow the store.
//
// Threads: EventTap, FollowSink and NodePublisher from any shard, BusReceiver on the bus thread, everything else on the
// first shard.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/answer.h"
#include "bus/bus.h"
#include "bus/bus_message.h"
#include "http/rate_limiter.h"
#include "hub/hub.h"
#include "hub/neighbours.h"
#include "store/followed_logs.h"
#include "store/log_follower.h"

namespace parley {

class Cluster final : public EventTap,
                      public FollowSink,
                      public NodePublisher,
                      private BusReceiver {
 public:
  struct Options {
    Uuid node;   // unique per process
    Uuid store;  // StoreState::Identity
    // True if other nodes write to the store: their changes are then read from the store, with or
    // without a bus.
    bool shared_store = true;
    // True if another system also writes to the store (StoreState::IsTakenOver): this node adopts its
    // changes, and reads the logs more often.
    bool taken_over = false;
    bool as_guide = false;                 // compat.guide, which must be equal on all nodes
    RateLimiter* shared_limits = nullptr;  // null: each node has its own rate limits
    // Returns a JSON object about this node, which all nodes show in their status; null: none.
    std::function<std::string()> status = {};
  };
  // `bus`: null without Redis. `self`: the first shard.
  Cluster(Executor& self, FollowedLogs& store, std::unique_ptr<Bus> bus, BusCounters& counters,
          const Clock& clock, Options options);
  ~Cluster() override;

  // Must be called before the shards run.
  void Connect(std::span<const std::unique_ptr<Hub>> hubs);
  void Start();
  // Publishes that this node is shutting down and its users will reconnect to other nodes.
  void AnnounceShutdown();
  // After this call, no messages are received.
  void Stop();
  void OnTick(Monotonic now);

  // Returns true if nodes with another store use the same bus and this node must not serve.
  // Threads: any.
  bool store_mismatch() const { return store_mismatch_; }
  bool has_bus() const { return bus_ != nullptr; }
  // Returns true while events are handed to the bus. Threads: any.
  bool publishes() const { return up(); }

  // Another node, as its messages show it. A node that is killed is in the list until its lease ends.
  struct NodeReport {
    Uuid node;
    std::string status;        // its own JSON object; empty: not received, or an older version
    Duration silent_for = {};  // since its last message
    bool leaving = false, foreign = false;
  };
  // Threads: any; `done` is posted to `on`.
  void ListNodes(Executor& on, Answer<std::vector<NodeReport>> done);

  void Follow(const Uuid& conversation) override;
  void Leave(const Uuid& conversation) override;
  void OnEvent(const EventRef& event, const MemberChange& members, uint64_t epoch) override;
  void OnTyping(const TypingUpdate& update) override;
  void PublishJoined(const std::vector<UserId>& users, const Joined& joined) override;
  void PublishPresence(const UserId& user, bool online) override;

 private:
  bool up() const { return bus_ != nullptr && bus_->up(); }
  void OnDeliveries(std::vector<BusDelivery> deliveries) override;
  void OnFollowed(std::vector<Uuid> conversations) override;
  void OnConnection(bool up) override;
  bool Congested() const override { return Hub::Congested(hubs_); }

  // Adds an event to `batch`, which is passed to the homes in one call; processes other messages
  // directly.
  void HandleDelivery(const BusDelivery& delivery, std::vector<RemoteEvent>& batch);
  RemoteEvent EventFrom(const Uuid& conversation, BusEvent& event);
  void OnNode(const Uuid& node, BusMessage& message);
  void OnHello(const Uuid& node, const BusHello& hello);
  void OnStatus(const Uuid& node, BusStatus& status);
  std::vector<NodeReport> Nodes() const;
  void PublishToAll(const BusMessage& message);
  void PublishHello();
  void PublishAllUsers();
  void PublishPendingPresence();
  void PublishConsumed();
  void OnConsumed(BusConsumed& consumed);
  void FollowStore(Monotonic now);
  void ReadAccessLog(LogQuery query);
  void ReadHeads(LogQuery query);
  void ReadInbox();

  Executor& self_;
  FollowedLogs& store_;
  const std::unique_ptr<Bus> bus_;
  BusCounters& counters_;
  const Clock& clock_;
  const Options options_;
  std::vector<Hub*> hubs_;
  std::atomic<bool> store_mismatch_{false};

  // On the first shard:
  Neighbours neighbours_;
  LocalUsers shown_;  // users with connections to this node
  // Changes of presence since the last tick, at most kPresenceAtOnce. Empty without a bus.
  std::vector<std::pair<UserId, bool>> pending_presence_;
  Monotonic next_hello_ = {}, next_all_ = {};
  bool leaving_ = false;
  LogFollower access_, heads_;  // positions in the store's logs
  Monotonic next_inbox_ = {};
  bool reading_inbox_ = false;
  std::map<Uuid, std::string> statuses_;  // of nodes in neighbours_
  bool modes_differ_ = false;             // logged: another node has another as_guide
};

}  // namespace parley

// This node among the others: says what happens here, hands what happens there to the hubs, and keeps
// who is there (Neighbours). Without a bus, homes still follow the store by themselves.
//
// Wire calls come from any shard, the bus's from its own thread, the rest runs on the first shard.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "bus/bus.h"
#include "bus/bus_message.h"
#include "hub/hub.h"
#include "hub/neighbours.h"
#include "store/followed_logs.h"
#include "store/log_follower.h"

namespace parley {

class Cluster final : public NodePublisher, private BusReceiver {
 public:
  struct Options {
    Uuid node;   // another for each process
    Uuid store;  // StoreState::Identity
    // Other nodes write to it: their changes are followed in the store, with or without a bus.
    bool shared_store = true;
  };
  // `bus`: none without Redis. `self`: the first shard.
  Cluster(Executor& self, FollowedLogs& store, std::unique_ptr<Bus> bus, BusCounters& counters,
          const Clock& clock, Options options);
  ~Cluster() override;

  // Before the shards run.
  void Connect(std::span<const std::unique_ptr<Hub>> hubs);
  void Start();
  // Tells the others that this node's users are about to come to them.
  void AnnounceShutdown();
  // Nothing is heard any more.
  void Stop();
  void OnTick(Monotonic now);

  // Nodes of another store talk on the same bus, and this node yields. Any thread.
  bool store_mismatch() const { return store_mismatch_; }
  bool has_bus() const { return bus_ != nullptr; }

  // --- NodePublisher
  void Follow(const Uuid& conversation) override;
  void Leave(const Uuid& conversation) override;
  void Publish(const Event& event, const MemberChange& members, uint64_t epoch) override;
  void PublishTyping(const TypingUpdate& update) override;
  void PublishJoined(const std::vector<UserId>& users, const Joined& joined) override;
  void PublishPresence(const UserId& user, bool online) override;

 private:
  bool up() const { return bus_ != nullptr && bus_->up(); }
  void OnDeliveries(std::vector<BusDelivery> deliveries) override;
  void OnFollowed(std::vector<Uuid> conversations) override;
  void OnConnection(bool up) override;
  bool Congested() const override { return Hub::Congested(hubs_); }

  // `batch` gathers events, which go to the homes together.
  void HandleDelivery(const BusDelivery& delivery, std::vector<RemoteEvent>& batch);
  RemoteEvent EventFrom(const Uuid& conversation, BusEvent& event);
  void OnNode(const Uuid& node, BusMessage& message);
  void OnHello(const Uuid& node, const BusHello& hello);
  void PublishToAll(const BusMessage& message);
  void PublishHello();
  void PublishAllUsers();
  void PublishPendingPresence();
  void FollowStore(Monotonic now);
  void ReadAccessLog(LogQuery query);
  void ReadHeads(LogQuery query);

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
  ShownUsers shown_;  // by this node's own connections
  // Changes of presence since the last tick, at most kPresenceAtOnce; empty without a bus.
  std::vector<std::pair<UserId, bool>> pending_presence_;
  Monotonic next_hello_ = {}, next_all_ = {};
  bool leaving_ = false;
  LogFollower access_, heads_;  // of the store
};

}  // namespace parley

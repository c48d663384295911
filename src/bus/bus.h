// The bus: messages between nodes. It can lose messages at any time, and only latency depends on it:
// nodes detect losses by seq, and by reading from the store (hub/home_cluster.cc).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"
#include "redis/redis_info.h"

namespace parley {

struct BusCounters {
  Counter published, received, dropped, unreadable, reconnects;
  Counter commands;      // sent by the publishing connection
  Counter failures;      // unexpected errors other than connection failures
  Counter other_stores;  // announcements of nodes with another store
  Counter pauses;        // pauses in reading while a shard's inbox was full
  Histogram lag;         // from a commit on one node to its arrival on another
  std::atomic<bool> configured{false}, up{false};
  RedisInfoTable redis;
};

struct BusDelivery {
  std::optional<Uuid> conversation;  // nullopt: for all nodes
  std::string bytes;
};

// Threads: called on the bus thread.
class BusReceiver {
 public:
  virtual ~BusReceiver() = default;
  // Messages in the publishing order of each node, including this node's own.
  virtual void OnDeliveries(std::vector<BusDelivery> deliveries) = 0;
  // From now on, this node receives the messages of these conversations unless they are lost. Messages
  // published before may have been missed.
  virtual void OnFollowed(std::vector<Uuid> conversations) = 0;
  // While the connection is down, messages to and from this node may be lost.
  virtual void OnConnection(bool up) = 0;
  // While this returns true, no messages are delivered (back-pressure).
  virtual bool Congested() const = 0;
};

class Bus {
 public:
  virtual ~Bus() = default;
  // Messages are delivered from Start to Stop. Threads: any.
  virtual void Start(BusReceiver& receiver) = 0;
  virtual void Stop() = 0;
  // Publishes to the nodes that follow the conversation, or to all nodes if it is nullopt. Never waits.
  // Threads: any.
  virtual void Publish(const std::optional<Uuid>& conversation, std::string_view bytes) = 0;
  virtual void Follow(const Uuid& conversation) = 0;
  virtual void Leave(const Uuid& conversation) = 0;
  virtual bool up() const = 0;
};

}  // namespace parley

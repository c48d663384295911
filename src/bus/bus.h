// The bus: what a node tells the others. It may lose anything at any time, and nothing depends on it
// but speed: losses are found by seq, and by asking the store (hub/home_cluster.cc).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"

namespace parley {

struct BusCounters {
  Counter published, received, dropped, unreadable, reconnects, commands;
  Counter failures;      // of the bus's own work, besides those of the connection
  Counter other_stores;  // announcements by nodes of another store
  Counter pauses;        // of reading, while a shard's inbox was full
  Histogram lag;         // from a commit on one node to another that hears of it
  std::atomic<int64_t> redis_memory_bytes{0}, redis_clients{0};  // as of the last ten seconds
};

struct BusDelivery {
  std::optional<Uuid> conversation;  // none: to all nodes
  std::string bytes;
};

// Called on the bus's own thread.
class BusReceiver {
 public:
  virtual ~BusReceiver() = default;
  // In the order in which each node published them; one's own come back too.
  virtual void OnDeliveries(std::vector<BusDelivery> deliveries) = 0;
  // From here on nothing of these conversations passes by unless it is lost: whatever was published
  // before may have been missed.
  virtual void OnFollowed(std::vector<Uuid> conversations) = 0;
  // What was published may have been lost, by us or for us; up: it is no longer.
  virtual void OnConnection(bool up) = 0;
  // True: nothing more is delivered until this is false.
  virtual bool Congested() const = 0;
};

class Bus {
 public:
  virtual ~Bus() = default;
  // Any thread. Messages are delivered from Start to Stop.
  virtual void Start(BusReceiver& receiver) = 0;
  virtual void Stop() = 0;
  // Any thread; never waits. To those who follow the conversation; none: to all nodes.
  virtual void Publish(const std::optional<Uuid>& conversation, std::string_view bytes) = 0;
  virtual void Follow(const Uuid& conversation) = 0;
  virtual void Leave(const Uuid& conversation) = 0;
  virtual bool up() const = 0;
};

}  // namespace parley

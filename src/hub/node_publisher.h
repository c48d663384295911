// The messages that hubs publish to all nodes. Implemented by Cluster. Threads: any shard.
#pragma once
#include <vector>

#include "base/ids.h"
#include "protocol/event.h"

namespace parley {

// A conversation that users joined, now or earlier.
struct Joined {
  EventRef created;  // the conversation_created event
  // the conversation's seq at the time of the join; later events are delivered live
  int64_t since = 0;
};

class NodePublisher {
 public:
  virtual ~NodePublisher() = default;
  virtual void PublishJoined(const std::vector<UserId>& users, const Joined& joined) = 0;
  // Publishes that a user came online or went offline on this node.
  virtual void PublishPresence(const UserId& user, bool online) = 0;
};

}  // namespace parley

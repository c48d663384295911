// What a node's hubs tell the other nodes besides what their homes do (home_publisher.h), and what they
// hear. Implemented by Cluster; called on any shard.
#pragma once
#include "hub/home_publisher.h"

namespace parley {

// A conversation that a user has come into, made just now or long ago.
struct Joined {
  EventRef created;   // conversation_created
  int64_t since = 0;  // its seq when they came: what follows is live
};

class NodePublisher : public HomePublisher {
 public:
  virtual void PublishJoined(const std::vector<UserId>& users, const Joined& joined) = 0;
  // As far as this node's own connections go.
  virtual void PublishPresence(const UserId& user, bool online) = 0;
};

}  // namespace parley

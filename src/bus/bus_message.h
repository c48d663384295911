// Messages between nodes, and their encoding:
//
//   'P' version(1) kind(1) node(16) fields…    integers little-endian; texts as length(4) and bytes
//
// New fields at the end of a kind and new kinds are compatible: older nodes ignore them. Other changes
// require a new version, which older nodes do not read. Performs no I/O.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// --- on a conversation's channel

// An event (protocol/event.h) with the values that the home shards of other nodes need.
struct BusEvent {
  int64_t seq = 0;
  int64_t about_seq = 0;
  Timestamp at;  // time of the commit or creation
  uint8_t removal = 0;
  bool single_conversation = false;
  UserId except_user, undelivered_from;
  std::string json;
  // Changes of membership.
  std::optional<UserId> added, removed;
  int64_t participant_count = 0;
  uint64_t epoch = 0;      // epoch of the store that assigned the seq
  uint8_t audience = 255;  // Audience; 255: not sent, by version 0.1.0
};

// A user started or stopped typing on one socket.
struct BusTyping {
  UserId user;
  uint64_t socket_id = 0;
  bool as_service = false;
  bool is_typing = false;
};

// --- to all nodes

// Users joined a conversation.
struct BusJoined {
  Uuid conversation;
  std::vector<UserId> users;
  int64_t since = 0;
  std::string json;  // conversation_created
};

// Sent every few seconds, and when a node has connected.
struct BusHello {
  Uuid store;
  uint64_t users_online = 0;  // on this node; reveals lost presence messages
  uint64_t users_digest = 0;
  bool settled = false;   // Neighbours::settled; older versions do not send it
  bool as_guide = false;  // Cluster::Options::as_guide; older versions do not send it
};

// These users came online or went offline on the sending node.
struct BusPresence {
  bool online = false;
  std::vector<UserId> users;
};

// Requests the full list of online users from a node.
struct BusPresenceAsk {
  Uuid of;
};
struct BusPresenceReset {};

// The node is shutting down; its users will reconnect to other nodes.
struct BusShutdown {};

// Messages of the sending node may have been lost: check the heads.
struct BusLost {};

// The tokens of rate limits that users and addresses consumed on the sending node since its previous
// message (http/rate_limiter.h).
struct BusConsumed {
  struct Entry {
    uint8_t limit = 0;  // Limit
    std::string key;
    int64_t tokens = 0;
  };
  std::vector<Entry> entries;
};

// What `parley status` shows of the sending node: a JSON object. Sent with BusHello, every few seconds; older
// versions do not send it.
struct BusStatus {
  std::string json;
};

using BusMessage =
    std::variant<BusEvent, BusTyping, BusJoined, BusHello, BusPresence, BusPresenceAsk,
                 BusPresenceReset, BusShutdown, BusLost, BusConsumed, BusStatus>;

std::string EncodeBus(const Uuid& node, const BusMessage& message);

struct FromNode {
  Uuid node;
  BusMessage message;
};
// Returns nullopt for malformed messages, and for messages that this version does not support.
std::optional<FromNode> DecodeBus(std::string_view bytes);

}  // namespace parley

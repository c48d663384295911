// What nodes say to each other, and how it is written:
//
//   'P' version(1) kind(1) node(16) fields…    integers little-endian; texts as length(4) and bytes
//
// A field may be added at the end of a kind, and a kind may be added: who does not know them passes
// over them. Anything else takes another version, which older nodes do not read. No I/O.
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

// An event (protocol/events.h) with all that the other home shards must know of it.
struct BusEvent {
  int64_t seq = 0;
  int64_t subject = 0;
  Timestamp at;  // when it was committed, or made
  uint8_t parting = 0;
  bool narrow = false;
  UserId hidden_from, undelivered_from;
  std::string frame;  // JSON
  // Of who is in it.
  std::optional<UserId> added, removed;
  int64_t participant_count = 0;
  uint64_t epoch = 0;  // of the store that gave its seq
};

// That somebody types, or has stopped, on one of their sockets.
struct BusTyping {
  UserId user;
  uint64_t tab = 0;
  bool as_service = false;
  bool is_typing = false;
};

// --- to all nodes

// Users have come into a conversation.
struct BusJoined {
  Uuid conversation;
  std::vector<UserId> users;
  int64_t since = 0;
  std::string frame;  // conversation_created
};

// Every few seconds, and when a node has connected.
struct BusHello {
  Uuid store;
  uint64_t users_online = 0;  // on this node, so that a loss is noticed
  uint64_t users_digest = 0;
  bool settled = false;  // Neighbours::settled; older versions do not send it
};

// These users have come (or gone), as far as the sender's own connections tell.
struct BusPresence {
  bool online = false;
  std::vector<UserId> users;
};

// Asks a node to say all its users again, from none on.
struct BusPresenceAsk {
  Uuid of;
};
struct BusPresenceReset {};

// The node ends; its users are about to come back elsewhere.
struct BusGoodbye {};

// What the node published may have been lost: look at the heads.
struct BusLost {};

using BusMessage = std::variant<BusEvent, BusTyping, BusJoined, BusHello, BusPresence,
                                BusPresenceAsk, BusPresenceReset, BusGoodbye, BusLost>;

std::string EncodeBus(const Uuid& node, const BusMessage& message);

struct FromNode {
  Uuid node;
  BusMessage message;
};
// nullopt: no such message, or one that this version does not know.
std::optional<FromNode> DecodeBus(std::string_view bytes);

}  // namespace parley

// What the sessions of a shard share, and what a client asked for when it connected.
#pragma once
#include <optional>
#include <string>

#include "auth/token_verifier.h"
#include "domain/limits.h"
#include "http/held_counts.h"
#include "http/rate_limiter.h"
#include "hub/hub.h"
#include "session/command_table.h"
#include "session/reconnect_delays.h"
#include "session/user_cursor.h"

namespace parley {

struct SessionOptions {
  Duration ping_interval = std::chrono::seconds(25);
  Duration ping_timeout = std::chrono::seconds(20);
  Duration authenticate_timeout = std::chrono::seconds(5);
  Duration slow_reader_timeout = std::chrono::seconds(60);
};

// The objects that the sessions of a shard share. Outlives them.
struct SessionContext {
  Hub& hub;
  HeadStore& store;
  Executor& executor;  // the shard
  const Clock& clock;
  const TokenVerifier& verifier;
  RateLimiter& rate_limiter;
  HeldCounts& sockets;  // per user, and per AddressKey
  CommandTable& commands;
  JsonReader& json;
  const Limits& limits;
  const SessionOptions& options;
  ReconnectDelays reconnect_delays = {};
};

// The parameters of the client's connect.
struct SessionRequest {
  std::optional<Uuid> conversation;  // nullopt: the user socket
  std::optional<std::string> since;  // ?since=, not validated
  bool hold_until_resume = false;    // ?resume=1 on the user socket
  std::optional<UserCursor> cursor;  // ?cursor= on the user socket
};

}  // namespace parley

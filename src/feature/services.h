// What features are given to work with, and where they hang up their rows. One of each for every
// shard; a feature's rows run on that shard's thread.
#pragma once
#include "domain/limits.h"
#include "http/rate_limiter.h"
#include "http/router.h"
#include "hub/hub.h"
#include "session/command_table.h"
#include "store/store.h"

namespace parley {

struct Services {
  Hub& hub;
  Store& store;
  Executor& executor;
  const Clock& clock;
  UuidGenerator& ids;
  JsonReader& json;
  const Limits& limits;
  RateLimiter& rate_limiter;
};

// A feature's way in: it adds its routes and commands and keeps what its handlers need alive.
struct Registry {
  Router& routes;
  CommandTable& commands;
};

}  // namespace parley

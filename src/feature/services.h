// The dependencies of features, and the registry of their rows. Each shard has its own; rows run on the
// thread of their shard.
#pragma once
#include "domain/limits.h"
#include "http/file_links.h"
#include "http/rate_limiter.h"
#include "http/router.h"
#include "hub/hub.h"
#include "session/command_table.h"
#include "store/store.h"

namespace parley {

class ListCache;

struct Services {
  Hub& hub;
  Store& store;
  Executor& executor;
  const Clock& clock;
  UuidGenerator& ids;
  JsonReader& json;
  const Limits& limits;
  RateLimiter& rate_limiter;
  const FileLinks& links;
  const bool as_guide = false;            // compat.guide
  ListCache* const list_cache = nullptr;  // null: no cache
};

// Signs the file URLs of a message for the caller, in a response to that caller only.
inline void SignFiles(const Services& services, const Caller& caller, Message& message) {
  for (Attachment& attachment : message.attachments) {
    services.links.Sign(attachment, {caller.user, caller.service});
  }
}

// Where a feature adds its routes and commands, and the objects that its handlers need.
struct Registry {
  Router& routes;
  CommandTable& commands;
};

}  // namespace parley

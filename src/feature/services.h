// What features are given to work with, and where they hang up their rows. One of each for every
// shard; a feature's rows run on that shard's thread.
#pragma once
#include "domain/limits.h"
#include "http/file_links.h"
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
  const FileLinks& links;
};

// Makes links to the message's files the caller's, in an answer to them alone.
inline void SignFiles(const Services& services, const Caller& caller, Message& message) {
  for (Attachment& attachment : message.attachments) {
    services.links.Sign(attachment, {caller.user, caller.service});
  }
}

// A feature's way in: it adds its routes and commands and keeps what its handlers need alive.
struct Registry {
  Router& routes;
  CommandTable& commands;
};

}  // namespace parley

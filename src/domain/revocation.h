// Tokens that are good no more, before their time is over.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// One token by its jti, or all of a user that were issued up to a time.
struct Revocation {
  int64_t id = 0;  // grows in the order in which they were made
  std::optional<std::string> jti;
  std::optional<UserId> user;
  Timestamp issued_before;  // with user
};

struct RevocationList {
  std::vector<Revocation> revocations;  // oldest first
  int64_t position = 0;                 // ask again from here
  uint64_t epoch = 0;  // of the store: a position of another epoch means nothing in this one
};

}  // namespace parley

// Tokens that are good no more, before their time is over.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/log_page.h"

namespace parley {

// One token by its jti, or all of a user that were issued up to a time.
struct Revocation {
  int64_t id = 0;  // grows in the order in which they were made
  std::optional<std::string> jti;
  std::optional<UserId> user;
  Timestamp issued_before;  // with user
  Timestamp made_at;        // when it was stored
};

struct RevocationList {
  std::vector<Revocation> revocations;
  LogPage page;
};

}  // namespace parley

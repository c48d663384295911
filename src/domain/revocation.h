// Revocations: tokens that are invalid before they expire.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/log_page.h"

namespace parley {

// Revokes one token by its jti, or all tokens of a user that were issued up to a time.
struct Revocation {
  int64_t id = 0;  // increases in creation order
  std::optional<std::string> jti;
  std::optional<UserId> user;
  Timestamp issued_before;  // if user is set
  Timestamp made_at;        // time of storage
};

struct RevocationList {
  std::vector<Revocation> revocations;
  LogPage page;
};

}  // namespace parley

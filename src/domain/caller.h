// The user or service on whose behalf a request or command runs.
#pragma once
#include <memory>

#include "base/ids.h"

namespace parley {

struct Identity;  // auth/token_verifier.h

// If a service acts for a user, `user` is that user.
struct Caller {
  UserId user;
  bool service = false;
  // The identity of the request's token, or null for a request without one (a signed link); then a
  // download is not checked for token expiry.
  std::shared_ptr<const Identity> identity = {};
};

}  // namespace parley

// Makes access tokens, in SimpleJWT's shape: for `parley token` and the development page.
#pragma once
#include <chrono>
#include <string>

#include "auth/key.h"
#include "base/clock.h"
#include "base/ids.h"

namespace parley {

struct TokenRequest {
  UserId user;
  std::chrono::seconds ttl{3600};
  std::string scope = {};  // "messaging:service" for the backend's own
  std::string issuer = {};
  std::string audience = {};
};

// Errors: bad_request where the key can only verify.
Result<std::string> MintToken(const Key& key, const TokenRequest& request, const Clock& clock);

}  // namespace parley

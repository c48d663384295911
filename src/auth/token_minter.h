// Creates access tokens in SimpleJWT's form, for `parley token` and the development page.
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
  std::string scope = {};  // "messaging:service" for a service token
  std::string issuer = {};
  std::string audience = {};
};

// Errors: bad_request if the key can only verify.
Result<std::string> MintToken(const Key& key, const TokenRequest& request, const Clock& clock);

}  // namespace parley

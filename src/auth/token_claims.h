// Reads a token's claims: user, times, audience and scope. Invariant: the signature is verified before
// claims are read, so errors can name claims.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "auth/token_json.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct TokenTimes {
  Timestamp expires_at;  // in whole seconds, including the leeway, as in PyJWT
  std::optional<Timestamp> issued_at;
};

// Reads exp, iat and nbf. Times are compared in whole seconds, as in PyJWT: fractions are truncated.
// Errors: claim_missing, claim_malformed, token_not_yet_valid. An expired token is not an error here.
Result<TokenTimes> TimesFrom(const TokenJson& claims, Timestamp now, Duration leeway);

// Returns the user id from `user_id` (text or integer), or else `sub` (text or integer), normalized by
// ParseUserId, with `prefix` prepended. Errors: claim_missing, claim_malformed.
Result<UserId> UserFrom(const TokenJson& claims, std::string_view prefix);

// Returns true if `scope`, space-separated text or a list, contains messaging:service.
bool HoldsServiceScope(const TokenJson& claims);

// Returns true if `aud`, text or a list, contains one of the wanted audiences.
bool AudienceMatches(const TokenJson& claims, const std::vector<std::string>& wanted);

}  // namespace parley

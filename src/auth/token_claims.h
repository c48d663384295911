// What a token's claims say: its user, its times, its audience and its scope. The signature has been
// verified before any of this is looked at, so that errors may name claims.
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
  Timestamp expires_at;  // whole seconds and the leeway, as PyJWT compares it
  std::optional<Timestamp> issued_at;
};

// Reads exp, iat and nbf. Times are compared in whole seconds, as PyJWT does: a fraction is cut off.
// Errors: claim_missing, claim_malformed, token_not_yet_valid. A token that has expired is no error
// here.
Result<TokenTimes> TimesFrom(const TokenJson& claims, Timestamp now, Duration leeway);

// `user_id` (text or integer), else `sub` (text or integer), folded as every user id is.
// `prefix` is put before it. Errors: claim_missing, claim_malformed.
Result<UserId> UserFrom(const TokenJson& claims, std::string_view prefix);

// Does `scope`, space-separated text or a list, hold messaging:service?
bool HoldsServiceScope(const TokenJson& claims);

// Does `aud`, text or a list, hold one of those wanted?
bool AudienceMatches(const TokenJson& claims, const std::vector<std::string>& wanted);

}  // namespace parley

// Access tokens (JWT, RFC 7519, in JWS compact form) as PyJWT and SimpleJWT make them: which are
// valid, and which user each names. What is refused, row by row: token_verifier_test.cc.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/key_ring.h"
#include "auth/revocations.h"
#include "auth/token_json.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct Identity {
  UserId user;
  Timestamp expires_at;
  std::optional<Timestamp> issued_at;
  std::string jti;       // empty: none
  bool service = false;  // the scope holds messaging:service
};

// The demands on the tokens of one issuer.
struct IssuerRules {
  std::string issuer;                  // what iss must be; empty: not checked
  std::vector<std::string> audiences;  // empty: not checked; else any must be in the token's aud
  std::shared_ptr<KeyRing> ring;
  bool service = false;          // may its tokens have the service scope?
  std::string user_prefix = {};  // put before the user ids of its tokens
};

struct VerifierOptions {
  std::shared_ptr<const Key> key;  // none: `ring`
  std::shared_ptr<KeyRing> ring;   // none too: only `issuers`
  std::string issuer;              // of that key, as in IssuerRules
  std::vector<std::string> audiences;
  std::vector<IssuerRules> issuers;  // in addition; the one that `iss` names comes first
  Duration leeway{0};                // for exp, nbf and iat
  bool require_token_type = false;   // a token must have token_type; without: where present only
  size_t max_bytes = 8 * 1024;
  const Revocations* revocations = nullptr;  // outlives the verifier; none: not asked
};

// Thread-safe.
class TokenVerifier {
 public:
  TokenVerifier(VerifierOptions options, const Clock& clock);

  // Errors: token_not_valid, with the reason (token_reasons.def). A token is called expired or
  // revoked only if nothing else is wrong with it, and claims are looked at only once the signature
  // is verified.
  Result<Identity> Verify(std::string_view token) const;

  // For connections that live on: has it been revoked since the version last asked at?
  bool IsRevoked(const Identity& identity, uint64_t& asked_at) const {
    if (options_.revocations == nullptr) return false;
    const uint64_t version = options_.revocations->version();
    if (version == std::exchange(asked_at, version)) return false;
    return options_.revocations->Has(identity.user, identity.jti, identity.issued_at);
  }

 private:
  const IssuerRules* RulesFor(std::optional<std::string> issuer) const;
  Result<Identity> CheckClaims(const TokenJson& claims, const IssuerRules& rules) const;

  const VerifierOptions options_;
  std::vector<IssuerRules> rules_;
  const Clock& clock_;
};

}  // namespace parley

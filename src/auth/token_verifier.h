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
  // What signed the token: to be asked of again while a connection lives on its token.
  std::shared_ptr<const KeyRing> ring = nullptr;
  uint64_t key = 0;  // Key::fingerprint
};

// What a connection that lives on has asked the verifier already. It begins with nothing.
struct AskedAt {
  uint64_t revocations = 0;  // version
  uint64_t keys = 0;         // version of the identity's ring
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

  // For connections that live on: why this identity holds no longer, if that changed since it was
  // last asked for; its token's expiry included. Cheap where nothing changed.
  std::optional<std::string_view> WhyEnded(const Identity& identity, AskedAt& asked) const;

  // The main key, in place of the one that VerifierOptions gave as `key`.
  void ReplaceKey(const Key& key);

 private:
  const IssuerRules* RulesFor(std::optional<std::string> issuer) const;
  Result<Identity> CheckClaims(const TokenJson& claims, const IssuerRules& rules,
                               uint64_t key) const;
  bool IsRevoked(const Identity& identity) const;

  const VerifierOptions options_;
  std::vector<IssuerRules> rules_;
  std::shared_ptr<KeyRing> own_ring_;  // the main key; null when key files or sets hold it
  const Clock& clock_;
};

}  // namespace parley

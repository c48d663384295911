// Verifies access tokens (JWT, RFC 7519, in JWS compact form) as issued by PyJWT and SimpleJWT, and
// returns the user of each. token_verifier_test.cc lists the refused tokens row by row.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/key_ring.h"
#include "auth/revocations.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley {

class TokenJson;

struct Identity {
  UserId user;
  Timestamp expires_at;
  std::optional<Timestamp> issued_at;
  std::string jti;       // empty if absent
  bool service = false;  // the scope contains messaging:service
  // The ring of the key that signed the token, checked again while a connection uses the token.
  std::shared_ptr<const KeyRing> ring = nullptr;
  uint64_t key = 0;  // Key::fingerprint
};

// The versions at which a live connection last checked its token. Initially none.
struct AskedAt {
  uint64_t revocations = 0;  // version
  uint64_t keys = 0;         // version of the identity's ring
};

// The requirements for tokens of one issuer.
struct IssuerRules {
  std::string issuer;  // the required iss; empty: not checked
  std::vector<std::string>
      audiences;  // empty: not checked; otherwise the token's aud must contain one
  std::shared_ptr<KeyRing> ring;
  bool service = false;          // its tokens can have the service scope
  std::string user_prefix = {};  // prepended to the user ids of its tokens
};

struct VerifierOptions {
  std::shared_ptr<const Key> key;  // null: use `ring`
  std::shared_ptr<KeyRing> ring;   // null too: use only `issuers`
  std::string issuer;              // for that key, as in IssuerRules
  std::vector<std::string> audiences;
  std::vector<IssuerRules> issuers;  // further issuers; the one named by `iss` takes precedence
  Duration leeway{0};                // for exp, nbf and iat
  bool require_token_type = false;   // require token_type; otherwise it is checked only if present
  size_t max_bytes = 8 * 1024;
  const Revocations* revocations = nullptr;  // outlives the verifier; null: not checked
};

// Threads: any.
class TokenVerifier {
 public:
  TokenVerifier(VerifierOptions options, const Clock& clock);

  // Errors: token_not_valid, with the reason (token_reasons.def). A token is reported as expired or
  // revoked only if it is otherwise valid, and claims are read only after the signature is verified.
  Result<Identity> Verify(std::string_view token) const;

  // For live connections: returns why this identity is no longer valid (including token expiry), or
  // nullopt. Cheap if nothing has changed since the last call.
  std::optional<std::string_view> WhyEnded(const Identity& identity, AskedAt& asked) const;

  // Replaces the main key, VerifierOptions::key.
  void ReplaceKey(const Key& key);

 private:
  const IssuerRules* RulesFor(std::optional<std::string> issuer) const;
  Result<Identity> CheckClaims(const TokenJson& claims, const IssuerRules& rules,
                               uint64_t key) const;
  bool IsRevoked(const Identity& identity) const;

  const VerifierOptions options_;
  std::vector<IssuerRules> rules_;
  std::shared_ptr<KeyRing> own_ring_;  // the main key; null if keys come from files or sets
  const Clock& clock_;
};

}  // namespace parley

// Access tokens (JWT, RFC 7519, in JWS compact form) as PyJWT and SimpleJWT make them: which are
// good, and whose they are. What is refused, row by row: token_verifier_test.cc.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.h"
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

struct VerifierOptions {
  std::shared_ptr<const Key> key;
  std::string issuer;                  // empty: not checked
  std::vector<std::string> audiences;  // empty: not checked; else any must be in the token's aud
  Duration leeway{0};                  // for exp, nbf and iat
  size_t max_bytes = 8 * 1024;
};

// Thread-safe.
class TokenVerifier {
 public:
  TokenVerifier(VerifierOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  // Errors: token_expired where only its time is over, else not_authenticated.
  Result<Identity> Verify(std::string_view token) const;

 private:
  const VerifierOptions options_;
  const Clock& clock_;
};

}  // namespace parley

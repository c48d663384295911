// Key sets (JWKS, RFC 7517; members of RSA and EC keys: RFC 7518 §6; OKP: RFC 8037 §2).
#pragma once
#include "auth/key_ring.h"
#include "base/result.h"

namespace parley {

inline constexpr size_t kJwksBytes = 256 * 1024;
inline constexpr size_t kJwksKeys = 100;

// The public keys of the set that can verify `algorithm`. Passed over is what is for another use or
// algorithm, of another kind, or no good key; secrets (kty oct) too. Of a private key the public
// half is taken. Errors: bad_json, bad_request (no JWKS, or nothing in it that can be used).
Result<KeyList> KeysFromJwks(std::string_view text, std::string_view algorithm);

}  // namespace parley

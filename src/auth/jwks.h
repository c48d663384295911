// Key sets (JWKS, RFC 7517; members of RSA and EC keys: RFC 7518 §6; OKP: RFC 8037 §2).
#pragma once
#include "auth/key_ring.h"
#include "base/result.h"

namespace parley {

inline constexpr size_t kJwksBytes = 256 * 1024;
inline constexpr size_t kJwksKeys = 100;

// Returns the public keys of the set that can verify `algorithm`. Keys for another use or algorithm, of
// another type, invalid keys, and secrets (kty oct) are ignored. Of a private key, the public key is
// used. Errors: bad_json, bad_request (not a JWKS, or no usable key).
Result<KeyList> KeysFromJwks(std::string_view text, std::string_view algorithm);

}  // namespace parley

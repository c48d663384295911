// Keys with a fixed algorithm (RFC 7518): a token's header never selects how it is verified.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace parley {

// A key for one JWS algorithm. Immutable. Threads: any.
class Key {
 public:
  // Creates a key for HS256, HS384 or HS512 from the bytes of the secret. Refuses a PEM or SSH key as
  // secret. Throws std::runtime_error.
  static Key Secret(std::string_view algorithm, std::string secret);
  // Creates a key from a public or private PEM key of the type that `algorithm` requires. RS*, PS*: RSA
  // with at least 2048 bits; ES256, ES384, ES512: P-256, P-384, P-521; EdDSA: Ed25519. Throws
  // std::runtime_error.
  static Key Pem(std::string_view algorithm, const std::string& pem);
  // Creates a key from a parsed public key.
  static Key Public(std::string_view algorithm, std::shared_ptr<evp_pkey_st> pair);

  const std::string& algorithm() const { return algorithm_; }
  // Identifies the algorithm and key material: the first 8 bytes of a SHA-256, which reveals nothing
  // about a secret. Only for recognizing a known key, not a cryptographic proof.
  uint64_t fingerprint() const { return fingerprint_; }
  bool Verify(std::string_view text, std::string_view signature) const;
  // Errors: bad_request if this key can only verify.
  Result<std::string> Sign(std::string_view text) const;

 private:
  Key() = default;
  std::string Mac(std::string_view text) const;
  void SetFingerprint(std::string_view material);

  std::string algorithm_;
  std::string secret_;                 // for HS*
  std::shared_ptr<evp_pkey_st> pair_;  // for all other algorithms
  uint64_t fingerprint_ = 0;
  bool can_sign_ = false;
};

}  // namespace parley

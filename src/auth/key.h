// Keys that carry their algorithm (RFC 7518): a token's header never chooses how it is verified.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace parley {

// One key for one JWS algorithm. Immutable, thread-safe.
class Key {
 public:
  // `algorithm`: HS256, HS384 or HS512; the secret's bytes are the key. Refuses a secret that is
  // really a PEM or SSH key. Throws std::runtime_error.
  static Key Secret(std::string_view algorithm, std::string secret);
  // A public or private key in PEM, of the kind that `algorithm` needs: RS*, PS*: RSA of 2048 bits
  // or more; ES256, ES384, ES512: P-256, P-384, P-521; EdDSA: Ed25519. Throws std::runtime_error.
  static Key Pem(std::string_view algorithm, const std::string& pem);
  // The same of a public key that was read elsewhere.
  static Key Public(std::string_view algorithm, std::shared_ptr<evp_pkey_st> pair);

  const std::string& algorithm() const { return algorithm_; }
  // The same for the same algorithm and key material, whatever it was read from: the first 8 bytes of
  // a SHA-256, so that it tells nothing of a secret. Not for proof, only to recognise a key again.
  uint64_t fingerprint() const { return fingerprint_; }
  bool Verify(std::string_view text, std::string_view signature) const;
  // Errors: bad_request where this key can only verify.
  Result<std::string> Sign(std::string_view text) const;

 private:
  Key() = default;
  std::string Mac(std::string_view text) const;
  void SetFingerprint(std::string_view material);

  std::string algorithm_;
  std::string secret_;                 // of HS*
  std::shared_ptr<evp_pkey_st> pair_;  // of all others
  uint64_t fingerprint_ = 0;
  bool can_sign_ = false;
};

}  // namespace parley

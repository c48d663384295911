// Fernet tokens (https://github.com/fernet/spec) with the keys of a channel layer: a key is derived from
// a text by SHA-256. Threads: any.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace parley::django {

class Fernet {
 public:
  // The first key encrypts; all decrypt. At least one.
  explicit Fernet(std::span<const std::string> keys);

  std::string Encrypt(std::string_view plain, Timestamp now) const;
  // Returns nullopt for a token of another key, a malformed one, and if `ttl` is set, one that is older
  // than that or more than 60 s in the future.
  std::optional<std::string> Decrypt(std::string_view token, Timestamp now,
                                     std::optional<std::chrono::seconds> ttl) const;

  // Encrypt with a given initialization vector, for test vectors.
  using Vector = std::array<uint8_t, 16>;
  std::string EncryptWith(std::string_view plain, Timestamp now, const Vector& vector) const;

 private:
  struct Key {
    std::array<uint8_t, 16> signing, encryption;
  };
  std::vector<Key> keys_;
};

}  // namespace parley::django

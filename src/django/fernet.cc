#include "django/fernet.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "auth/base64url.h"
#include "base/ids.h"

namespace parley::django {
namespace {

constexpr uint8_t kVersion = 0x80;
constexpr size_t kBlock = 16, kHeader = 1 + 8 + kBlock, kMac = SHA256_DIGEST_LENGTH;
constexpr int64_t kMostSkew = 60;  // seconds

using Mac = std::array<uint8_t, kMac>;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Mac MacOf(std::span<const uint8_t> key, std::string_view text) {
  Mac mac;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(),
           mac.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC failed");
  }
  return mac;
}

// AES-128-CBC with PKCS #7 padding. Returns nullopt if decryption finds bad padding.
std::optional<std::string> Cipher(bool encrypt, std::span<const uint8_t, 16> key, const uint8_t* iv,
                                  std::string_view in) {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                           EVP_CIPHER_CTX_free);
  std::string out(in.size() + kBlock, '\0');
  auto* const to = reinterpret_cast<uint8_t*>(out.data());
  int count = 0, last = 0;
  if (context == nullptr || EVP_CipherInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, key.data(),
                                              iv, encrypt ? 1 : 0) != 1) {
    throw std::runtime_error("AES failed");
  }
  if (EVP_CipherUpdate(context.get(), to, &count, Bytes(in), static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), to + count, &last) != 1) {
    return std::nullopt;
  }
  out.resize(static_cast<size_t>(count + last));
  return out;
}

}  // namespace

Fernet::Fernet(std::span<const std::string> keys) {
  for (const std::string& text : keys) {
    std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
    SHA256(Bytes(text), text.size(), digest.data());
    Key key;
    std::copy_n(digest.begin(), 16, key.signing.begin());
    std::copy_n(digest.begin() + 16, 16, key.encryption.begin());
    keys_.push_back(key);
  }
}

std::string Fernet::Encrypt(std::string_view plain, Timestamp now) const {
  Vector vector;
  RandomBytes(vector);
  return EncryptWith(plain, now, vector);
}

std::string Fernet::EncryptWith(std::string_view plain, Timestamp now, const Vector& vector) const {
  const Key& key = keys_.front();
  const auto seconds = static_cast<uint64_t>(now.micros / kMicrosPerSecond);
  std::string token(1, static_cast<char>(kVersion));
  for (int shift = 56; shift >= 0; shift -= 8) token += static_cast<char>(seconds >> shift & 0xFF);
  token.append(reinterpret_cast<const char*>(vector.data()), vector.size());
  token += Cipher(true, key.encryption, vector.data(), plain).value();
  const Mac mac = MacOf(key.signing, token);
  token.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  std::string text = EncodeBase64Url(token);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::string> Fernet::Decrypt(std::string_view token, Timestamp now,
                                           std::optional<std::chrono::seconds> ttl) const {
  if (token.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && token.ends_with('='); ++i) token.remove_suffix(1);
  const auto decoded = DecodeBase64Url(token);
  if (!decoded || decoded->size() < kHeader + kBlock + kMac ||
      static_cast<uint8_t>(decoded->front()) != kVersion) {
    return std::nullopt;
  }
  const std::string_view bytes = *decoded;
  uint64_t sent = 0;
  for (const char c : bytes.substr(1, 8)) sent = sent << 8 | static_cast<uint8_t>(c);
  if (ttl) {
    const auto seconds = static_cast<uint64_t>(std::max<int64_t>(now.micros / kMicrosPerSecond, 0));
    if (sent > seconds + kMostSkew) return std::nullopt;
    if (sent + static_cast<uint64_t>(ttl->count()) < seconds) return std::nullopt;
  }
  const std::string_view signed_part = bytes.substr(0, bytes.size() - kMac);
  for (const Key& key : keys_) {
    const Mac mac = MacOf(key.signing, signed_part);
    if (CRYPTO_memcmp(mac.data(), bytes.data() + signed_part.size(), kMac) != 0) continue;
    return Cipher(false, key.encryption, Bytes(bytes) + kHeader - kBlock,
                  signed_part.substr(kHeader));
  }
  return std::nullopt;
}

}  // namespace parley::django

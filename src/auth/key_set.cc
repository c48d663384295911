#include "auth/key_set.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <stdexcept>

namespace parley {
namespace {

constexpr int kLeastRsaBits = 2048;

const EVP_MD* DigestOf(std::string_view algorithm) {
  const std::string_view bits = algorithm.substr(2);
  return bits == "256" ? EVP_sha256() : bits == "384" ? EVP_sha384() : EVP_sha512();
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// An encrypted key is refused; OpenSSL's own callback would ask the terminal for its password.
int NoPassword(char*, int, int, void*) { return -1; }

// PEM and SSH keys, as PyJWT knows them.
bool LooksLikeAKeyFile(std::string_view secret) {
  if (secret.find("---- BEGIN") != std::string_view::npos) return true;
  if (secret.find("-----BEGIN") != std::string_view::npos) return true;
  for (const char* start : {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"}) {
    if (secret.starts_with(start)) return true;
  }
  return false;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

}  // namespace

Key Key::Secret(std::string_view algorithm, std::string secret) {
  if (algorithm != "HS256" && algorithm != "HS384" && algorithm != "HS512") {
    throw std::runtime_error("a secret key cannot serve " + std::string(algorithm));
  }
  // The classic confusion: a public key, known to all, taken for a secret.
  if (LooksLikeAKeyFile(secret)) {
    throw std::runtime_error("the secret key is a PEM or SSH key; set auth.public_key instead");
  }
  Key key;
  key.algorithm_ = algorithm;
  key.secret_ = std::move(secret);
  key.can_sign_ = true;
  return key;
}

Key Key::Pem(std::string_view algorithm, const std::string& pem) {
  if (algorithm != "RS256") {
    throw std::runtime_error("this version cannot verify " + std::string(algorithm));
  }
  Key key;
  key.algorithm_ = algorithm;
  key.can_sign_ = pem.find("PRIVATE KEY-----") != std::string::npos;
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* pair = key.can_sign_ ? PEM_read_bio_PrivateKey(memory, nullptr, NoPassword, nullptr)
                                 : PEM_read_bio_PUBKEY(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  ERR_clear_error();
  if (pair == nullptr) throw std::runtime_error("the key is not readable PEM");
  key.pair_ = std::shared_ptr<EVP_PKEY>(pair, EVP_PKEY_free);
  if (EVP_PKEY_base_id(pair) != EVP_PKEY_RSA) {
    throw std::runtime_error("the key is no RSA key, which " + key.algorithm_ + " needs");
  }
  if (EVP_PKEY_bits(pair) < kLeastRsaBits) {
    throw std::runtime_error("the RSA key has fewer than 2048 bits");
  }
  return key;
}

std::string Key::Mac(std::string_view text) const {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(DigestOf(algorithm_), secret_.data(), static_cast<int>(secret_.size()), Bytes(text),
       text.size(), mac, &size);
  return {reinterpret_cast<char*>(mac), size};
}

bool Key::Verify(std::string_view text, std::string_view signature) const {
  if (pair_ == nullptr) {
    const std::string expected = Mac(text);
    return expected.size() == signature.size() &&
           CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const bool good = EVP_DigestVerifyInit(context.get(), nullptr, DigestOf(algorithm_), nullptr,
                                         pair_.get()) == 1 &&
                    EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                                     text.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<std::string> Key::Sign(std::string_view text) const {
  if (!can_sign_) {
    return Fail(ErrorCode::bad_request, "Only the public key is here; the private one signs.");
  }
  if (pair_ == nullptr) return Mac(text);
  const DigestContext context(EVP_MD_CTX_new());
  size_t size = 0;
  std::string signature;
  const bool ready =
      EVP_DigestSignInit(context.get(), nullptr, DigestOf(algorithm_), nullptr, pair_.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size()) == 1;
  signature.resize(size);
  if (!ready || EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, Bytes(text), text.size()) != 1) {
    ERR_clear_error();
    return Fail(ErrorCode::internal, "Signing failed.");
  }
  signature.resize(size);
  return signature;
}

}  // namespace parley

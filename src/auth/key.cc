#include "auth/key.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>

namespace parley {
namespace {

constexpr int kLeastRsaBits = 2048;

enum class Padding { kNone, kPkcs1, kPss };

// The requirements of an algorithm for its key pair.
struct Scheme {
  const char* algorithm;
  int type;           // of OpenSSL
  const char* kind;   // for errors
  const char* curve;  // OpenSSL's name; ES* alone
  size_t half;        // bytes of r, and of s (RFC 7518 §3.4)
  Padding padding;
};

constexpr Scheme kSchemes[] = {
    {"RS256", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPkcs1},
    {"RS384", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPkcs1},
    {"RS512", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPkcs1},
    {"PS256", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPss},
    {"PS384", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPss},
    {"PS512", EVP_PKEY_RSA, "RSA", nullptr, 0, Padding::kPss},
    {"ES256", EVP_PKEY_EC, "P-256", "prime256v1", 32, Padding::kNone},
    {"ES384", EVP_PKEY_EC, "P-384", "secp384r1", 48, Padding::kNone},
    {"ES512", EVP_PKEY_EC, "P-521", "secp521r1", 66, Padding::kNone},
    {"EdDSA", EVP_PKEY_ED25519, "Ed25519", nullptr, 0, Padding::kNone},
};

const Scheme& SchemeOf(std::string_view algorithm) {
  const auto found =
      std::ranges::find(kSchemes, algorithm, [](const Scheme& one) { return one.algorithm; });
  if (found != std::end(kSchemes)) return *found;
  throw std::runtime_error("a key pair cannot be used with " + std::string(algorithm));
}

const EVP_MD* DigestOf(std::string_view algorithm) {
  if (algorithm == "EdDSA") return nullptr;  // hashes by itself
  const std::string_view bits = algorithm.substr(2);
  return bits == "256" ? EVP_sha256() : bits == "384" ? EVP_sha384() : EVP_sha512();
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// An encrypted key is refused; OpenSSL's own callback would ask the terminal for its password.
int NoPassword(char*, int, int, void*) { return -1; }

// PEM and SSH keys, in the formats that PyJWT accepts.
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

struct FreeSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
using Signature = std::unique_ptr<ECDSA_SIG, FreeSignature>;

// Converts an ECDSA signature of a token, r and s of fixed length, to DER for OpenSSL; returns an empty
// string for another length.
std::string ToDer(std::string_view raw, size_t half) {
  if (raw.size() != 2 * half) return {};
  const int length = static_cast<int>(half);
  const Signature signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(Bytes(raw), length, nullptr),
                 BN_bin2bn(Bytes(raw) + half, length, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(std::max(size, 0)));
  OPENSSL_free(der);
  return out;
}

std::string FromDer(std::string_view der, size_t half) {
  const unsigned char* at = Bytes(der);
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  const int length = static_cast<int>(half);
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, length);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + half, length);
  return raw;
}

// RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses the same hash.
bool SetPadding(EVP_PKEY_CTX* context, Padding padding) {
  if (padding != Padding::kPss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

void CheckPair(const Scheme& scheme, const EVP_PKEY* pair) {
  char curve[32] = "";
  const bool right = EVP_PKEY_base_id(pair) == scheme.type &&
                     (scheme.curve == nullptr ||
                      (EVP_PKEY_get_group_name(pair, curve, sizeof curve, nullptr) == 1 &&
                       std::string_view(curve) == scheme.curve));
  ERR_clear_error();
  if (!right) {
    throw std::runtime_error(std::string("the key is not of type ") + scheme.kind + ", which " +
                             scheme.algorithm + " requires");
  }
  if (scheme.type == EVP_PKEY_RSA && EVP_PKEY_bits(pair) < kLeastRsaBits) {
    throw std::runtime_error("the RSA key has fewer than 2048 bits");
  }
}

}  // namespace

Key Key::Secret(std::string_view algorithm, std::string secret) {
  if (algorithm != "HS256" && algorithm != "HS384" && algorithm != "HS512") {
    throw std::runtime_error("a secret key cannot be used with " + std::string(algorithm));
  }
  // Algorithm confusion (RFC 8725 §2.1): a public key must not be used as an HMAC secret.
  if (LooksLikeAKeyFile(secret)) {
    throw std::runtime_error("the secret key is a PEM or SSH key; set auth.public_key instead");
  }
  Key key;
  key.algorithm_ = algorithm;
  key.secret_ = std::move(secret);
  key.SetFingerprint(key.secret_);
  key.can_sign_ = true;
  return key;
}

Key Key::Public(std::string_view algorithm, std::shared_ptr<EVP_PKEY> pair) {
  CheckPair(SchemeOf(algorithm), pair.get());
  Key key;
  key.algorithm_ = algorithm;
  key.pair_ = std::move(pair);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.pair_.get(), &der);
  key.SetFingerprint({reinterpret_cast<char*>(der), static_cast<size_t>(std::max(size, 0))});
  OPENSSL_free(der);
  return key;
}

Key Key::Pem(std::string_view algorithm, const std::string& pem) {
  const bool is_private = pem.find("PRIVATE KEY-----") != std::string::npos;
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* pair = is_private ? PEM_read_bio_PrivateKey(memory, nullptr, NoPassword, nullptr)
                              : PEM_read_bio_PUBKEY(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  ERR_clear_error();
  if (pair == nullptr) throw std::runtime_error("the key is not valid PEM");
  Key key = Public(algorithm, std::shared_ptr<EVP_PKEY>(pair, EVP_PKEY_free));
  key.can_sign_ = is_private;
  return key;
}

void Key::SetFingerprint(std::string_view material) {
  const std::string text = algorithm_ + ":" + std::string(material);
  unsigned char digest[EVP_MAX_MD_SIZE];
  EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha256(), nullptr);
  std::memcpy(&fingerprint_, digest, sizeof fingerprint_);
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
  const Scheme& scheme = SchemeOf(algorithm_);
  std::string der;
  if (scheme.half != 0) {
    der = ToDer(signature, scheme.half);
    if (der.empty()) return false;
    signature = der;
  } else if (EVP_PKEY_get_base_id(pair_.get()) == EVP_PKEY_RSA &&
             signature.size() != static_cast<size_t>(EVP_PKEY_get_size(pair_.get()))) {
    // OpenSSL accepts a shorter signature without its leading zeros; RFC 8017 section 8.2.2 does not.
    return false;
  }
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  const bool good = EVP_DigestVerifyInit(context.get(), &settings, DigestOf(algorithm_), nullptr,
                                         pair_.get()) == 1 &&
                    SetPadding(settings, scheme.padding) &&
                    EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                                     text.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<std::string> Key::Sign(std::string_view text) const {
  if (!can_sign_) {
    return Fail(ErrorCode::bad_request,
                "Signing requires the private key; only the public key is configured.");
  }
  if (pair_ == nullptr) return Mac(text);
  const Scheme& scheme = SchemeOf(algorithm_);
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  size_t size = 0;
  std::string signature;
  const bool ready = EVP_DigestSignInit(context.get(), &settings, DigestOf(algorithm_), nullptr,
                                        pair_.get()) == 1 &&
                     SetPadding(settings, scheme.padding) &&
                     EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size()) == 1;
  signature.resize(size);
  if (!ready || EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, Bytes(text), text.size()) != 1) {
    ERR_clear_error();
    return Fail(ErrorCode::internal, "Signing failed.");
  }
  signature.resize(size);
  return scheme.half == 0 ? signature : FromDer(signature, scheme.half);
}

}  // namespace parley

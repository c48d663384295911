#include "auth/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <simdjson.h>

#include <optional>
#include <stdexcept>

#include "auth/base64url.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

using EvpKey = std::shared_ptr<EVP_PKEY>;

std::optional<std::string_view> Text(const dom::object& key, std::string_view name) {
  std::string_view text;
  if (key.at_key(name).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<std::string> Octets(const dom::object& key, std::string_view name) {
  const auto text = Text(key, name);
  if (!text) return std::nullopt;
  return DecodeBase64Url(*text);
}

struct Builder {
  OSSL_PARAM_BLD* params = OSSL_PARAM_BLD_new();
  std::vector<BIGNUM*> numbers;
  ~Builder() {
    for (BIGNUM* number : numbers) BN_free(number);
    OSSL_PARAM_BLD_free(params);
  }
  void Number(const char* name, const std::string& octets) {
    numbers.push_back(BN_bin2bn(reinterpret_cast<const unsigned char*>(octets.data()),
                                static_cast<int>(octets.size()), nullptr));
    OSSL_PARAM_BLD_push_BN(params, name, numbers.back());
  }
  EvpKey Make(const char* type) {
    OSSL_PARAM* list = OSSL_PARAM_BLD_to_param(params);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(context) == 1) {
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, list);
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(list);
    ERR_clear_error();
    return key == nullptr ? nullptr : EvpKey(key, EVP_PKEY_free);
  }
};

EvpKey RsaKey(const dom::object& key) {
  const auto n = Octets(key, "n"), e = Octets(key, "e");
  if (!n || !e || n->size() > 2048 || e->size() > 8 || *e == "\x01") return nullptr;
  Builder builder;
  builder.Number(OSSL_PKEY_PARAM_RSA_N, *n);
  builder.Number(OSSL_PKEY_PARAM_RSA_E, *e);
  return builder.Make("RSA");
}

EvpKey CurveKey(const dom::object& key) {
  struct Curve {
    std::string_view name;
    const char* group;
    size_t bytes;
  };
  static constexpr Curve kCurves[] = {
      {"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
  const auto x = Octets(key, "x"), y = Octets(key, "y");
  for (const Curve& curve : kCurves) {
    if (Text(key, "crv") != curve.name) continue;
    if (!x || !y || x->size() != curve.bytes || y->size() != curve.bytes) return nullptr;
    const std::string point = "\x04" + *x + *y;  // SEC 1 §2.3.3, uncompressed
    Builder builder;
    OSSL_PARAM_BLD_push_utf8_string(builder.params, OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0);
    OSSL_PARAM_BLD_push_octet_string(builder.params, OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    return builder.Make("EC");
  }
  return nullptr;
}

EvpKey EdwardsKey(const dom::object& key) {
  const auto x = Octets(key, "x");
  if (Text(key, "crv") != "Ed25519" || !x) return nullptr;
  EVP_PKEY* made = EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x->data()), x->size());
  ERR_clear_error();
  return made == nullptr ? nullptr : EvpKey(made, EVP_PKEY_free);
}

// A member that is present but not a string makes the key invalid.
bool TextOrAbsent(const dom::object& key, std::string_view name) {
  return key.at_key(name).error() != simdjson::SUCCESS || Text(key, name).has_value();
}

bool MayVerify(const dom::object& key, std::string_view algorithm) {
  for (const char* name : {"kid", "use", "alg"}) {
    if (!TextOrAbsent(key, name)) return false;
  }
  if (const auto use = Text(key, "use"); use && *use != "sig") return false;
  if (const auto alg = Text(key, "alg"); alg && *alg != algorithm) return false;
  dom::array operations;
  if (key.at_key("key_ops").get(operations) != simdjson::SUCCESS) return true;
  for (const dom::element one : operations) {
    std::string_view text;
    if (one.get(text) == simdjson::SUCCESS && text == "verify") return true;
  }
  return false;
}

EvpKey KeyFrom(const dom::object& key) {
  const auto kind = Text(key, "kty");
  return kind == "RSA"   ? RsaKey(key)
         : kind == "EC"  ? CurveKey(key)
         : kind == "OKP" ? EdwardsKey(key)
                         : nullptr;
}

}  // namespace

Result<KeyList> KeysFromJwks(std::string_view text, std::string_view algorithm) {
  dom::parser parser(kJwksBytes);
  dom::array keys;
  const simdjson::padded_string padded(text);
  dom::element document;
  if (text.size() > kJwksBytes || parser.parse(padded).get(document) != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "The key set is not valid JSON.");
  }
  if (document["keys"].get(keys) != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_request, "The key set has no keys.");
  }
  KeyList out;
  for (const dom::element element : keys) {
    dom::object key;
    if (element.get(key) != simdjson::SUCCESS || !MayVerify(key, algorithm)) continue;
    EvpKey made = KeyFrom(key);
    if (made == nullptr || out.size() == kJwksKeys) continue;
    try {
      out.push_back(
          {std::string(Text(key, "kid").value_or("")), Key::Public(algorithm, std::move(made))});
    } catch (const std::runtime_error&) {
      continue;  // of another kind than the algorithm's, or too weak
    }
  }
  if (out.empty()) {
    return Fail(ErrorCode::bad_request,
                "The key set has no key for " + std::string(algorithm) + ".");
  }
  return out;
}

}  // namespace parley

#include "auth/jwks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

// RFC 8037 Appendix A.2.
constexpr const char* kOkp =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";

std::string Okp(std::string_view more) { return fmt::format("{}{}", kOkp, more); }

std::string Set(const std::string& keys) { return fmt::format("{{\"keys\":[{}]}}", keys); }

std::string CodeOf(const Result<KeyList>& keys) {
  return keys ? "" : std::string(Name(keys.error().code));
}

TEST(Jwks, APublishedKeyVerifiesTokensOfItsOwner) {
  const auto keys = KeysFromJwks(Set(Okp(",\"kid\":\"a\"}")), "EdDSA");
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ(keys->front().kid, "a");
  EXPECT_EQ(keys->front().key.algorithm(), "EdDSA");
  EXPECT_FALSE(keys->front().key.Sign("text")) << "a public key cannot sign";
}

TEST(Jwks, KeysForOtherUsesAreIgnored) {
  for (const char* more : {R"(,"use":"enc"})", R"(,"alg":"ES256"})", R"(,"key_ops":["sign"]})",
                           R"(,"kid":1})", R"(,"use":7})", R"(,"alg":null})"}) {
    EXPECT_EQ(CodeOf(KeysFromJwks(Set(Okp(more)), "EdDSA")), "bad_request") << more;
  }
  for (const char* more : {R"(,"use":"sig"})", R"(,"alg":"EdDSA"})", R"(,"key_ops":["verify"]})"}) {
    EXPECT_EQ(CodeOf(KeysFromJwks(Set(Okp(more)), "EdDSA")), "") << more;
  }
  EXPECT_EQ(CodeOf(KeysFromJwks(Set(Okp("}")), "RS256")), "bad_request");
}

TEST(Jwks, InvalidKeysAreSkipped) {
  const std::string good = Okp("}");
  for (const char* bad : {"7", "null", "{}", R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})",
                          R"({"kty":"oct","k":"AA"})", R"({"kty":"RSA","n":"!","e":"AQAB"})",
                          R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"}) {
    const auto keys = KeysFromJwks(Set(fmt::format("{},{}", bad, good)), "EdDSA");
    ASSERT_TRUE(keys) << bad;
    EXPECT_EQ(keys->size(), 1u) << bad;
  }
}

TEST(Jwks, AnInvalidDocumentIsRejected) {
  EXPECT_EQ(CodeOf(KeysFromJwks("", "EdDSA")), "bad_json");
  EXPECT_EQ(CodeOf(KeysFromJwks("{", "EdDSA")), "bad_json");
  EXPECT_EQ(CodeOf(KeysFromJwks("[]", "EdDSA")), "bad_request");
  EXPECT_EQ(CodeOf(KeysFromJwks(R"({"keys":{}})", "EdDSA")), "bad_request");
  EXPECT_EQ(CodeOf(KeysFromJwks(Set(""), "EdDSA")), "bad_request");
  EXPECT_EQ(CodeOf(KeysFromJwks(std::string(kJwksBytes + 1, ' '), "EdDSA")), "bad_json");
}

}  // namespace
}  // namespace parley

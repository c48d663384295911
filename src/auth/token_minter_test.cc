#include "auth/token_minter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "auth/base64url.h"
#include "auth/token_fixtures.h"
#include "auth/token_verifier.h"

namespace parley {
namespace {

Key HmacKey(std::string_view algorithm) {
  return Key::Secret(algorithm, std::string(fixtures::kSecret));
}
Key Rs256Key(std::string_view pem) { return Key::Pem("RS256", std::string(pem)); }

std::string PartOf(const std::string& token, size_t part) {
  size_t from = 0;
  for (; part > 0; --part) from = token.find('.', from) + 1;
  return DecodeBase64Url(token.substr(from, token.find('.', from) - from)).value_or("");
}

class MinterTest : public testing::Test {
 protected:
  Result<Identity> Verify(const Key& key, const std::string& token) const {
    return TokenVerifier({.key = std::make_shared<Key>(key)}, clock_).Verify(token);
  }
  ManualClock clock_{{1'700'000'000'999'999}};
};

TEST_F(MinterTest, AMintedTokenVerifiesWithEveryKindOfKey) {
  for (const Key& key :
       {HmacKey("HS256"), HmacKey("HS384"), HmacKey("HS512"), Rs256Key(fixtures::kRsaPrivatePem)}) {
    const auto token = MintToken(key, {.user = "Ann.1@x:1-2_3"}, clock_);
    ASSERT_TRUE(token);
    const auto identity = Verify(key, *token);
    ASSERT_TRUE(identity) << identity.error().detail;
    EXPECT_EQ(identity->user, "Ann.1@x:1-2_3");
    EXPECT_EQ(identity->issued_at, Timestamp{1'700'000'000'000'000});
    EXPECT_EQ(identity->expires_at, Timestamp{1'700'003'600'000'000});
    EXPECT_FALSE(identity->service);
  }
}

TEST_F(MinterTest, APublicKeyVerifiesTokensOfItsPrivateKey) {
  const auto token = MintToken(Rs256Key(fixtures::kRsaPrivatePem), {.user = "ann"}, clock_);
  EXPECT_TRUE(Verify(Rs256Key(fixtures::kRsaPublicPem), *token));
  EXPECT_FALSE(Verify(Rs256Key(fixtures::kOtherRsaPublicPem), *token));
}

TEST_F(MinterTest, APublicKeyCannotMintTokens) {
  const auto token = MintToken(Rs256Key(fixtures::kRsaPublicPem), {.user = "ann"}, clock_);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::bad_request);
}

TEST_F(MinterTest, AMintedTokenHasTheClaimsOfSimpleJwt) {
  const auto token = MintToken(HmacKey("HS256"), {.user = "ann"}, clock_);
  EXPECT_EQ(PartOf(*token, 0), R"({"alg":"HS256","typ":"JWT"})");
  const std::string claims = PartOf(*token, 1);
  const std::string start = R"({"token_type":"access","exp":1700003600,"iat":1700000000,"jti":")";
  const std::string end = R"(","user_id":"ann"})";
  ASSERT_EQ(claims.size(), start.size() + 32 + end.size()) << claims;
  EXPECT_EQ(claims.substr(0, start.size()), start);
  EXPECT_EQ(claims.substr(start.size() + 32), end);
  const std::string jti = claims.substr(start.size(), 32);
  EXPECT_EQ(jti.find_first_not_of("0123456789abcdef"), std::string::npos) << jti;
}

TEST_F(MinterTest, NoTwoTokensHaveTheSameId) {
  const Key key = HmacKey("HS256");
  EXPECT_NE(Verify(key, *MintToken(key, {.user = "ann"}, clock_))->jti,
            Verify(key, *MintToken(key, {.user = "ann"}, clock_))->jti);
}

// Proves: parley token
TEST_F(MinterTest, AMintedTokenHasScopeIssuerAndAudience) {
  const auto key = std::make_shared<Key>(HmacKey("HS256"));
  const auto token = MintToken(*key,
                               {.user = "backend",
                                .ttl = std::chrono::seconds(60),
                                .scope = "messaging:service",
                                .issuer = "https://\"here\"",
                                .audience = "chat"},
                               clock_);
  const VerifierOptions options{.key = key, .issuer = "https://\"here\"", .audiences = {"chat"}};
  const auto identity = TokenVerifier(options, clock_).Verify(*token);
  ASSERT_TRUE(identity) << identity.error().detail;
  EXPECT_TRUE(identity->service);
  EXPECT_EQ(identity->expires_at, Timestamp{1'700'000'060'000'000});
}

TEST_F(MinterTest, AMintedTokenExpiresAfterItsLifetime) {
  const Key key = HmacKey("HS256");
  const auto token = MintToken(key, {.user = "ann", .ttl = std::chrono::seconds(10)}, clock_);
  clock_.Advance(std::chrono::seconds(9));
  EXPECT_TRUE(Verify(key, *token));
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Verify(key, *token).error().reason, "token_expired");
}

}  // namespace
}  // namespace parley

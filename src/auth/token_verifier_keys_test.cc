// How settings and keys of a verifier affect the result; the table of inputs is in
// token_verifier_test.cc.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "auth/base64url.h"
#include "auth/verifier_test_base.h"

namespace parley {
namespace {

using std::chrono::seconds;

std::shared_ptr<const Key> PemKey(std::string_view algorithm, std::string_view pem) {
  return std::make_shared<const Key>(Key::Pem(algorithm, std::string(pem)));
}
std::shared_ptr<const Key> RsaKey(std::string_view pem) { return PemKey("RS256", pem); }

class VerifierKeysTest : public VerifierTest {
 protected:
  // An HS256 token, valid except for the given claims.
  static std::string Token(const std::string& more) {
    const std::string text =
        EncodeBase64Url(R"({"alg":"HS256","typ":"JWT"})") + "." +
        EncodeBase64Url(R"({"token_type":"access","user_id":"ann")" + more + "}");
    return text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text));
  }
};

// --- keys

// Proves: HS, RS, PS, ES 256 to 512, EdDSA
TEST_F(VerifierKeysTest, TokensSignedByPyJwtAreAccepted) {
  const std::pair<std::shared_ptr<const Key>, std::string_view> cases[] = {
      {SecretKey("HS256"), fixtures::kHs256Token},
      {SecretKey("HS384"), fixtures::kHs384Token},
      {SecretKey("HS512"), fixtures::kHs512Token},
      {RsaKey(fixtures::kRsaPublicPem), fixtures::kRs256Token},
      {RsaKey(fixtures::kRsaPrivatePem), fixtures::kRs256Token},
      {RsaKey(fixtures::kRsaPublicPem), fixtures::kRs256KidToken},
      {PemKey("RS384", fixtures::kRsaPublicPem), fixtures::kRs384Token},
      {PemKey("RS512", fixtures::kRsaPublicPem), fixtures::kRs512Token},
      {PemKey("PS256", fixtures::kRsaPublicPem), fixtures::kPs256Token},
      {PemKey("PS384", fixtures::kRsaPublicPem), fixtures::kPs384Token},
      {PemKey("PS512", fixtures::kRsaPublicPem), fixtures::kPs512Token},
      {PemKey("ES256", fixtures::kP256PublicPem), fixtures::kEs256Token},
      {PemKey("ES384", fixtures::kP384PublicPem), fixtures::kEs384Token},
      {PemKey("ES512", fixtures::kP521PublicPem), fixtures::kEs512Token},
      {PemKey("EdDSA", fixtures::kEd25519PublicPem), fixtures::kEdDsaToken},
  };
  for (const auto& [key, token] : cases) {
    options_.key = key;
    const auto identity = Verify(token);
    ASSERT_TRUE(identity) << key->algorithm() << ": " << identity.error().detail;
    EXPECT_EQ(identity->user, "alice");
    EXPECT_EQ(identity->expires_at, Timestamp{1'700'003'600'000'000});
    EXPECT_EQ(identity->issued_at, Timestamp{1'699'999'990'000'000});
    EXPECT_EQ(identity->jti, "0123456789abcdef0123456789abcdef");
    EXPECT_FALSE(identity->service);
  }
}

TEST_F(VerifierKeysTest, ATokenWithOnlyAUserAndAnExpiryIsAccepted) {
  const auto identity = Verify(fixtures::kBareToken);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user, "42");
  EXPECT_EQ(identity->jti, "");
  EXPECT_FALSE(identity->issued_at);
}

// Proves: HS, RS, PS, ES 256 to 512, EdDSA
TEST_F(VerifierKeysTest, EachKeyAcceptsTokensOfItsAlgorithmOnly) {
  const std::pair<std::string_view, std::string_view> tokens[] = {
      {"HS256", fixtures::kHs256Token}, {"HS384", fixtures::kHs384Token},
      {"HS512", fixtures::kHs512Token}, {"RS256", fixtures::kRs256Token},
      {"RS384", fixtures::kRs384Token}, {"RS512", fixtures::kRs512Token},
      {"PS256", fixtures::kPs256Token}, {"PS384", fixtures::kPs384Token},
      {"PS512", fixtures::kPs512Token}, {"ES256", fixtures::kEs256Token},
      {"ES384", fixtures::kEs384Token}, {"ES512", fixtures::kEs512Token},
      {"EdDSA", fixtures::kEdDsaToken},
  };
  std::vector<std::shared_ptr<const Key>> keys = {SecretKey("HS256"),
                                                  SecretKey("HS384"),
                                                  SecretKey("HS512"),
                                                  PemKey("ES256", fixtures::kP256PublicPem),
                                                  PemKey("ES384", fixtures::kP384PublicPem),
                                                  PemKey("ES512", fixtures::kP521PublicPem),
                                                  PemKey("EdDSA", fixtures::kEd25519PublicPem)};
  for (const char* algorithm : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    keys.push_back(PemKey(algorithm, fixtures::kRsaPublicPem));
  }
  for (const auto& key : keys) {
    options_.key = key;
    for (const auto& [algorithm, token] : tokens) {
      EXPECT_EQ(Refusal(token), algorithm == key->algorithm() ? "" : "algorithm_not_accepted")
          << algorithm << " for " << key->algorithm();
    }
  }
}

TEST_F(VerifierKeysTest, ATokenSignedByAnotherKeyIsRejected) {
  options_.key = SecretKey("HS256", "another secret that is long enough");
  EXPECT_EQ(Refusal(fixtures::kHs256Token), "signature_invalid");
  options_.key = RsaKey(fixtures::kOtherRsaPublicPem);
  EXPECT_EQ(Refusal(fixtures::kRs256Token), "signature_invalid");
}

// Algorithm confusion: a token signed with HMAC, for a verifier with a public key.
// Proves: a public key as an HS secret
TEST_F(VerifierKeysTest, AnHmacTokenIsNeverVerifiedWithAPublicKey) {
  options_.key = RsaKey(fixtures::kRsaPublicPem);
  EXPECT_EQ(Refusal(fixtures::kHs256Token), "algorithm_not_accepted");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "algorithm_not_accepted");
}

TEST_F(VerifierKeysTest, AnyChangedCharacterInvalidatesAToken) {
  const std::string good(fixtures::kHs256Token);
  ASSERT_EQ(Refusal(good), "");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string wrong = good;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(Refusal(wrong), "") << i;
    EXPECT_NE(Refusal(good.substr(0, i)), "") << i;
  }
}

// --- time

TEST_F(VerifierKeysTest, ATokenExpiresAtItsExpTime) {
  const std::string token = Token(R"(,"exp":1700000010)");
  clock_.Advance(seconds(10) - Duration(1));
  EXPECT_EQ(Refusal(token), "");
  clock_.Advance(Duration(1));
  EXPECT_EQ(Refusal(token), "token_expired") << "a token is expired at exp == now";
  clock_.Advance(seconds(1));
  EXPECT_EQ(Refusal(token), "token_expired");
}

// Proves: iss, aud, leeway
TEST_F(VerifierKeysTest, LeewayExtendsTheValidityAtBothEnds) {
  options_.leeway = seconds(5);
  const std::string ends = Token(R"(,"exp":1699999996)");
  EXPECT_EQ(Verify(ends)->expires_at, Timestamp{1'700'000'001'000'000});
  EXPECT_EQ(Refusal(Token(R"(,"exp":1699999995)")), "token_expired");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"nbf":1700000005,"iat":1700000005)")), "");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"nbf":1700000006)")), "token_not_yet_valid");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"iat":1700000006)")), "token_not_yet_valid");
}

// Like PyJWT, which converts times to integers.
TEST_F(VerifierKeysTest, TimesAreComparedInWholeSeconds) {
  EXPECT_EQ(Verify(Token(R"(,"exp":1700000001.5)"))->expires_at, Timestamp{1'700'000'001'000'000});
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000000.5)")), "token_expired");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"iat":1700000000.9,"nbf":1700000000.9)")), "");
}

TEST_F(VerifierKeysTest, AnErrorNamesTheClaimAndTheReason) {
  const auto detail = [&](const std::string& more) { return Verify(Token(more)).error().detail; };
  const std::string early = detail(R"(,"exp":1700000100,"iat":1700000003)");
  for (const char* part : {"iat", "3.000 s in the future", "auth.leeway is 0 s"}) {
    EXPECT_NE(early.find(part), std::string::npos) << early;
  }
  EXPECT_EQ(detail(""), "The token has no exp claim.");
  EXPECT_EQ(detail(R"(,"exp":"soon")"),
            "The token's exp claim is malformed: it must be a number of seconds since 1970.");
  options_.audiences = {"chat"};
  EXPECT_EQ(detail(R"(,"exp":1700000100)"), "The token has no aud claim.");
  EXPECT_EQ(detail(R"(,"exp":1700000100,"aud":"x")"),
            "The token's aud claim names another audience.");
}

// An unsigned token's claims can be forged, so errors must not depend on them.
TEST_F(VerifierKeysTest, ClaimsAreNotReadBeforeTheSignatureIsVerified) {
  for (const char* more : {"", R"(,"exp":"soon")", R"(,"exp":1)", R"(,"exp":1,"exp":2)",
                           R"(,"exp":1700000100,"nbf":1800000000)"}) {
    std::string forged = Token(more);
    forged[forged.size() - 5] = forged[forged.size() - 5] == 'A' ? 'B' : 'A';
    EXPECT_EQ(Verify(forged).error().detail, "The token's signature is invalid.") << more;
  }
  EXPECT_EQ(Refusal(Token(R"(,"exp":1,"exp":2)")), "token_malformed");
}

TEST_F(VerifierKeysTest, AUserClaimIsAbsentOrMalformed) {
  const auto of = [&](const std::string& claims) {
    const std::string text = EncodeBase64Url(R"({"alg":"HS256"})") + "." +
                             EncodeBase64Url(R"({"exp":1700000100)" + claims + "}");
    return Verify(text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text))).error();
  };
  EXPECT_EQ(of("").reason, "claim_missing");
  EXPECT_NE(of("").detail.find("neither a user_id nor a sub"), std::string::npos);
  EXPECT_EQ(of(R"(,"user_id":"a b")").reason, "claim_malformed");
  EXPECT_NE(of(R"(,"user_id":"a b")").detail.find("user_id claim is malformed"), std::string::npos);
  EXPECT_NE(of(R"(,"sub":1.5)").detail.find("sub claim is malformed"), std::string::npos);
}

TEST_F(VerifierKeysTest, AnExpiryBeyondTheTimeRangeIsAcceptedWithLeeway) {
  options_.leeway = seconds(3600);
  EXPECT_EQ(Refusal(Token(R"(,"exp":9007199254740992)")), "");
}

TEST_F(VerifierKeysTest, OnlyAnOtherwiseValidTokenIsReportedAsExpired) {
  EXPECT_EQ(Refusal(Token(R"(,"exp":1)")), "token_expired");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1,"nbf":1800000000)")), "token_not_yet_valid");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1)") + "A"), "signature_invalid");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1)") + "="), "token_malformed");
  options_.issuer = "us";
  EXPECT_EQ(Refusal(Token(R"(,"exp":1,"iss":"them")")), "issuer_not_accepted");
}

// --- issuer and audience

// Proves: iss, aud, leeway
TEST_F(VerifierKeysTest, ATokenMustHaveTheConfiguredIssuer) {
  options_.issuer = "https://us";
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"iss":"https://us")")), "");
  for (const char* wrong : {R"(,"iss":"https://us/")", R"(,"iss":"https://them")",
                            R"(,"iss":["https://us"])", R"(,"iss":null)", ""}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100)") + wrong)), "issuer_not_accepted")
        << wrong;
  }
}

// Proves: iss, aud, leeway
TEST_F(VerifierKeysTest, ATokenMustHaveOneOfTheConfiguredAudiences) {
  options_.audiences = {"chat", "talk"};
  for (const char* good : {R"("chat")", R"("talk")", R"(["others","talk"])", R"([7,"chat"])"}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100,"aud":)") + good)), "") << good;
  }
  for (const char* wrong : {R"("chats")", R"("chat talk")", R"(["others"])", "[]", "null",
                            R"({"chat":1})", R"([["chat"]])"}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100,"aud":)") + wrong)),
              "audience_not_accepted")
        << wrong;
  }
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "audience_not_accepted");
}

// --- kind

// Proves: access tokens only
TEST_F(VerifierKeysTest, OnlyAccessTokensAreAccepted) {
  const std::string start = EncodeBase64Url(R"({"alg":"HS256","typ":"JWT"})") + ".";
  for (const char* kind :
       {R"("refresh")", R"("sliding")", R"("Access")", R"("")", "null", "1", R"(["access"])"}) {
    const std::string text =
        start + EncodeBase64Url(std::string(R"({"user_id":"ann","exp":1700000100,"token_type":)") +
                                kind + "}");
    EXPECT_EQ(Refusal(text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text))),
              "token_type_not_accepted")
        << kind;
  }
}

TEST_F(VerifierKeysTest, ATokenTypeIsRequiredIfConfigured) {
  const std::string start = EncodeBase64Url(R"({"alg":"HS256"})") + ".";
  const auto signed_as = [&](const std::string& claims) {
    const std::string text = start + EncodeBase64Url(claims);
    return text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text));
  };
  const std::string bare = signed_as(R"({"user_id":"ann","exp":1700000100})");
  EXPECT_EQ(Refusal(bare), "");
  options_.require_token_type = true;
  EXPECT_EQ(Refusal(bare), "claim_missing");
  EXPECT_NE(Verify(bare).error().detail.find("auth.require_token_type"), std::string::npos);
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "");
}

// --- several issuers

TEST_F(VerifierKeysTest, AnIssuersEntryDefinesItsServiceScopeAndPrefix) {
  KeyList keys;
  keys.push_back({"", *SecretKey("HS256")});
  const auto ring = std::make_shared<KeyRing>(std::move(keys));
  options_.key = SecretKey("HS256", "another secret that is long enough");
  options_.issuers = {{.issuer = "plain", .ring = ring},
                      {.issuer = "trusted", .ring = ring, .service = true},
                      {.issuer = "partner", .ring = ring, .user_prefix = "partner:"}};
  const auto of = [&](const std::string& issuer, const std::string& user = "ann") {
    const std::string text =
        EncodeBase64Url(R"({"alg":"HS256"})") + "." +
        EncodeBase64Url(R"({"exp":1700000100,"scope":"messaging:service","iss":")" + issuer +
                        R"(","user_id":")" + user + "\"}");
    return Verify(text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text)));
  };
  EXPECT_FALSE(of("plain")->service);
  EXPECT_TRUE(of("trusted")->service);
  EXPECT_FALSE(of("partner")->service);
  EXPECT_EQ(of("plain")->user, "ann");
  EXPECT_EQ(of("partner")->user, "partner:ann");
  EXPECT_EQ(of("partner", "0190B8A4-7C1E-7ABC-8DEF-0123456789AB")->user,
            "partner:0190b8a4-7c1e-7abc-8def-0123456789ab")
      << "folded before the prefix";
  EXPECT_EQ(of("partner", std::string(121, 'u')).error().reason, "claim_malformed");
}

// --- many keys

TEST_F(VerifierKeysTest, ATokenWithoutAKidIsTriedWithAtMostEightKeys) {
  const auto ring_with_good_at = [](size_t place) {
    KeyList keys;
    for (size_t i = 0; i < 20; ++i) {
      const std::string secret = "a wrong secret that is long enough " + std::to_string(i);
      keys.push_back({"kid-" + std::to_string(i),
                      i == place ? *SecretKey("HS256") : *SecretKey("HS256", secret)});
    }
    return std::make_shared<KeyRing>(std::move(keys));
  };
  options_.key = nullptr;
  options_.ring = ring_with_good_at(7);
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "");
  options_.ring = ring_with_good_at(8);
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "key_not_known");
  const std::string text = EncodeBase64Url(R"({"alg":"HS256","kid":"kid-8"})") + "." +
                           EncodeBase64Url(R"({"exp":1700000100,"user_id":"ann"})");
  EXPECT_EQ(Refusal(text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text))), "");
}

// --- size

// Proves: token 8 KiB
// Proves: size cap, JSON depth 8
TEST_F(VerifierKeysTest, AnOversizedTokenIsRejectedBeforeItIsDecoded) {
  std::string filler;
  while (Token(R"(,"exp":1700000100,"x":")" + filler + "\"").size() <= 8192) filler += "xx";
  const std::string over = Token(R"(,"exp":1700000100,"x":")" + filler + "\"");
  filler.resize(filler.size() - 2);
  const std::string under = Token(R"(,"exp":1700000100,"x":")" + filler + "\"");
  EXPECT_LE(under.size(), 8192u);
  EXPECT_EQ(Refusal(under), "");
  EXPECT_EQ(Refusal(over), "token_too_long");
  EXPECT_EQ(Verify(over).error().detail, Verify(std::string(100'000, '!')).error().detail);
  options_.max_bytes = over.size();
  EXPECT_EQ(Refusal(over), "") << "the limit comes from the settings";
}

TEST_F(VerifierKeysTest, AnErrorContainsNothingOfTheToken) {
  for (const std::string& token :
       {Token(R"(,"exp":"needle")"), Token(R"(,"exp":1,"token_type":"needle")"),
        Token(R"(,"exp":1700000100,"iat":"needle")")}) {
    EXPECT_EQ(Verify(token).error().detail.find("needle"), std::string::npos);
  }
}

}  // namespace
}  // namespace parley

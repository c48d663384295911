// What a verifier's own settings and keys make of a token; the table of inputs is in
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
  // HS256, good but for the claims given.
  static std::string Token(const std::string& more) {
    const std::string text =
        EncodeBase64Url(R"({"alg":"HS256","typ":"JWT"})") + "." +
        EncodeBase64Url(R"({"token_type":"access","user_id":"ann")" + more + "}");
    return text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text));
  }
};

// --- keys

TEST_F(VerifierKeysTest, TokensThatPyJwtSignedAreGood) {
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

TEST_F(VerifierKeysTest, ATokenOfTheGuidesBackendNeedsNoMoreThanWhoAndUntilWhen) {
  const auto identity = Verify(fixtures::kBareToken);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user, "42");
  EXPECT_EQ(identity->jti, "");
  EXPECT_FALSE(identity->issued_at);
}

TEST_F(VerifierKeysTest, EachKeyTakesTokensOfItsOwnAlgorithmAlone) {
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
      EXPECT_EQ(Refusal(token), algorithm == key->algorithm() ? "" : "not_authenticated")
          << algorithm << " for " << key->algorithm();
    }
  }
}

TEST_F(VerifierKeysTest, ATokenSignedByAnotherKeyIsRefused) {
  options_.key = SecretKey("HS256", "another secret that is long enough");
  EXPECT_EQ(Refusal(fixtures::kHs256Token), "not_authenticated");
  options_.key = RsaKey(fixtures::kOtherRsaPublicPem);
  EXPECT_EQ(Refusal(fixtures::kRs256Token), "not_authenticated");
}

// The classic: a token "signed" by HMAC, for a verifier that holds a public key.
TEST_F(VerifierKeysTest, ATokenThatSaysHmacNeverMeetsAPublicKey) {
  options_.key = RsaKey(fixtures::kRsaPublicPem);
  EXPECT_EQ(Refusal(fixtures::kHs256Token), "not_authenticated");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "not_authenticated");
}

TEST_F(VerifierKeysTest, AnyChangedCharacterSpoilsAToken) {
  const std::string good(fixtures::kHs256Token);
  ASSERT_EQ(Refusal(good), "");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string wrong = good;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(Refusal(wrong), "not_authenticated") << i;
    EXPECT_EQ(Refusal(good.substr(0, i)), "not_authenticated") << i;
  }
}

// --- time

TEST_F(VerifierKeysTest, ATokenExpiresAtTheInstantItNames) {
  const std::string token = Token(R"(,"exp":1700000010)");
  clock_.Advance(seconds(10) - Duration(1));
  EXPECT_EQ(Refusal(token), "");
  clock_.Advance(Duration(1));
  EXPECT_EQ(Refusal(token), "token_expired") << "exp == now is over";
  clock_.Advance(seconds(1));
  EXPECT_EQ(Refusal(token), "token_expired");
}

TEST_F(VerifierKeysTest, LeewayPutsOffTheEndAndPutsForwardTheStart) {
  options_.leeway = seconds(5);
  const std::string ends = Token(R"(,"exp":1699999996)");
  EXPECT_EQ(Verify(ends)->expires_at, Timestamp{1'700'000'001'000'000});
  EXPECT_EQ(Refusal(Token(R"(,"exp":1699999995)")), "token_expired");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"nbf":1700000005,"iat":1700000005)")), "");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"nbf":1700000006)")), "not_authenticated");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"iat":1700000006)")), "not_authenticated");
}

TEST_F(VerifierKeysTest, PartsOfASecondCount) {
  EXPECT_EQ(Verify(Token(R"(,"exp":1700000000.5)"))->expires_at, Timestamp{1'700'000'000'500'000});
}

TEST_F(VerifierKeysTest, AnExpiryBeyondAllTimeIsGoodWithLeewayToo) {
  options_.leeway = seconds(3600);
  EXPECT_EQ(Refusal(Token(R"(,"exp":9007199254740992)")), "");
}

TEST_F(VerifierKeysTest, OnlyATokenThatWasGoodIsCalledExpired) {
  EXPECT_EQ(Refusal(Token(R"(,"exp":1)")), "token_expired");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1,"nbf":1800000000)")), "not_authenticated");
  EXPECT_EQ(Refusal(Token(R"(,"exp":1)") + "A"), "not_authenticated");
  options_.issuer = "us";
  EXPECT_EQ(Refusal(Token(R"(,"exp":1,"iss":"them")")), "not_authenticated");
}

// --- issuer and audience

TEST_F(VerifierKeysTest, AConfiguredIssuerMustBeTheTokens) {
  options_.issuer = "https://us";
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100,"iss":"https://us")")), "");
  for (const char* wrong : {R"(,"iss":"https://us/")", R"(,"iss":"https://them")",
                            R"(,"iss":["https://us"])", R"(,"iss":null)", ""}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100)") + wrong)), "not_authenticated")
        << wrong;
  }
}

TEST_F(VerifierKeysTest, OneOfTheConfiguredAudiencesMustBeAmongTheTokens) {
  options_.audiences = {"chat", "talk"};
  for (const char* good : {R"("chat")", R"("talk")", R"(["others","talk"])", R"([7,"chat"])"}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100,"aud":)") + good)), "") << good;
  }
  for (const char* wrong : {R"("chats")", R"("chat talk")", R"(["others"])", "[]", "null",
                            R"({"chat":1})", R"([["chat"]])"}) {
    EXPECT_EQ(Refusal(Token(std::string(R"(,"exp":1700000100,"aud":)") + wrong)),
              "not_authenticated")
        << wrong;
  }
  EXPECT_EQ(Refusal(Token(R"(,"exp":1700000100)")), "not_authenticated");
}

// --- kind

TEST_F(VerifierKeysTest, OnlyAccessTokensOpenTheDoor) {
  const std::string start = EncodeBase64Url(R"({"alg":"HS256","typ":"JWT"})") + ".";
  for (const char* kind :
       {R"("refresh")", R"("sliding")", R"("Access")", R"("")", "null", "1", R"(["access"])"}) {
    const std::string text =
        start + EncodeBase64Url(std::string(R"({"user_id":"ann","exp":1700000100,"token_type":)") +
                                kind + "}");
    EXPECT_EQ(Refusal(text + "." + EncodeBase64Url(*SecretKey("HS256")->Sign(text))),
              "not_authenticated")
        << kind;
  }
}

// --- size

TEST_F(VerifierKeysTest, ATokenOverTheCapIsRefusedBeforeItIsDecoded) {
  std::string filler;
  while (Token(R"(,"exp":1700000100,"x":")" + filler + "\"").size() <= 8192) filler += "xx";
  const std::string over = Token(R"(,"exp":1700000100,"x":")" + filler + "\"");
  filler.resize(filler.size() - 2);
  const std::string under = Token(R"(,"exp":1700000100,"x":")" + filler + "\"");
  EXPECT_LE(under.size(), 8192u);
  EXPECT_EQ(Refusal(under), "");
  EXPECT_EQ(Refusal(over), "not_authenticated");
  EXPECT_EQ(Verify(over).error().detail, Verify(std::string(100'000, '!')).error().detail);
  options_.max_bytes = over.size();
  EXPECT_EQ(Refusal(over), "") << "the cap is the settings'";
}

TEST_F(VerifierKeysTest, ARefusalRepeatsNothingOfTheToken) {
  for (const std::string& token :
       {Token(R"(,"exp":"needle")"), Token(R"(,"exp":1,"token_type":"needle")"),
        Token(R"(,"exp":1700000100,"iat":"needle")")}) {
    EXPECT_EQ(Verify(token).error().detail.find("needle"), std::string::npos);
  }
}

}  // namespace
}  // namespace parley

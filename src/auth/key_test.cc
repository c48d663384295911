#include "auth/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "auth/token_fixtures.h"

namespace parley {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::Throws;
using testing::ThrowsMessage;

std::string Text(std::string_view text) { return std::string(text); }

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// --- secrets

// RFC 4231 test case 6: a key longer than the block.
TEST(KeyTest, MacsMatchTheVectorsOfTheStandard) {
  const std::string secret(131, '\xAA');
  const std::string text = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(Key::Secret("HS256", secret).Sign(text),
            FromHex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
  EXPECT_EQ(Key::Secret("HS384", secret).Sign(text),
            FromHex("4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
                    "0c2ef6ab4030fe8296248df163f44952"));
  EXPECT_EQ(Key::Secret("HS512", secret).Sign(text),
            FromHex("80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                    "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"));
}

TEST(KeyTest, AMacOfAnotherTextKeyOrLengthIsRejected) {
  const Key key = Key::Secret("HS256", Text(fixtures::kSecret));
  const std::string good = *key.Sign("text");
  EXPECT_TRUE(key.Verify("text", good));
  EXPECT_FALSE(key.Verify("Text", good));
  EXPECT_FALSE(key.Verify("text", good.substr(0, 31)));
  EXPECT_FALSE(key.Verify("text", good + '\0'));
  EXPECT_FALSE(key.Verify("text", ""));
  EXPECT_FALSE(Key::Secret("HS256", "another").Verify("text", good));
  EXPECT_FALSE(Key::Secret("HS512", Text(fixtures::kSecret)).Verify("text", good));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string wrong = good;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_FALSE(key.Verify("text", wrong));
  }
}

TEST(KeyTest, ASecretMayContainAnyBytes) {
  const std::string odd("\0\xFF\n\0 ", 5);
  const Key key = Key::Secret("HS256", odd);
  EXPECT_TRUE(key.Verify("text", *key.Sign("text")));
  EXPECT_FALSE(key.Verify("text", *Key::Secret("HS256", "").Sign("text")));
}

// Proves: a public key as an HS secret
TEST(KeyTest, APublicKeyIsNeverASecret) {
  for (const std::string_view pem :
       {fixtures::kRsaPublicPem, fixtures::kRsaPkcs1PublicPem, fixtures::kRsaPrivatePem,
        fixtures::kP256PublicPem, fixtures::kEd25519PublicPem, fixtures::kEncryptedPrivatePem}) {
    EXPECT_THAT([&] { Key::Secret("HS256", Text(pem)); },
                ThrowsMessage<std::runtime_error>(HasSubstr("PEM or SSH key")));
    EXPECT_THAT([&] { Key::Secret("HS256", "\n " + Text(pem)); }, Throws<std::runtime_error>());
  }
  for (const char* ssh :
       {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE you@here",
        "ssh-dss AAAA", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= you@here",
        "sk-ssh-ed25519@openssh.com AAAA", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA"}) {
    EXPECT_THAT([&] { Key::Secret("HS256", ssh); }, Throws<std::runtime_error>()) << ssh;
  }
}

TEST(KeyTest, ASecretIsForHmacAlgorithmsOnly) {
  for (const char* wrong :
       {"RS256", "none", "None", "", "hs256", "HS", "HS1", "HS2560", "ES256", "EdDSA"}) {
    EXPECT_THAT([&] { Key::Secret(wrong, Text(fixtures::kSecret)); }, Throws<std::runtime_error>())
        << wrong;
  }
}

// --- pairs

// Proves: PEM keys
TEST(KeyTest, APublicKeyVerifiesSignaturesOfItsPrivateKey) {
  const Key key = Key::Pem("RS256", Text(fixtures::kRsaPrivatePem));
  const Key shown = Key::Pem("RS256", Text(fixtures::kRsaPublicPem));
  const auto good = key.Sign("text");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->size(), 256u);
  EXPECT_TRUE(shown.Verify("text", *good));
  EXPECT_TRUE(key.Verify("text", *good));
  EXPECT_FALSE(shown.Verify("Text", *good));
  EXPECT_FALSE(shown.Verify("text", good->substr(1)));
  EXPECT_FALSE(shown.Verify("text", *good + '\0'));
  EXPECT_FALSE(shown.Verify("text", ""));
  EXPECT_FALSE(Key::Pem("RS256", Text(fixtures::kOtherRsaPublicPem)).Verify("text", *good));
}

TEST(KeyTest, APublicKeyCannotSign) {
  const auto signature = Key::Pem("RS256", Text(fixtures::kRsaPublicPem)).Sign("text");
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().code, ErrorCode::bad_request);
}

// Proves: RSA of 2048 bits; a curve for each ES; r and s of fixed length
TEST(KeyTest, AnRsaKeyUnder2048BitsIsRejected) {
  EXPECT_THAT([] { Key::Pem("RS256", Text(fixtures::kSmallRsaPublicPem)); },
              ThrowsMessage<std::runtime_error>(HasSubstr("2048")));
}

struct Pair {
  std::string_view kind, private_pem, public_pem;
  std::vector<const char*> algorithms;
};
const Pair kPairs[] = {
    {"RSA",
     fixtures::kRsaPrivatePem,
     fixtures::kRsaPublicPem,
     {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
    {"P-256", fixtures::kP256PrivatePem, fixtures::kP256PublicPem, {"ES256"}},
    {"P-384", fixtures::kP384PrivatePem, fixtures::kP384PublicPem, {"ES384"}},
    {"P-521", fixtures::kP521PrivatePem, fixtures::kP521PublicPem, {"ES512"}},
    {"Ed25519", fixtures::kEd25519PrivatePem, fixtures::kEd25519PublicPem, {"EdDSA"}},
};

TEST(KeyTest, EveryAlgorithmVerifiesItsOwnSignaturesOnly) {
  for (const Pair& pair : kPairs) {
    for (const char* algorithm : pair.algorithms) {
      const Key shown = Key::Pem(algorithm, Text(pair.public_pem));
      const std::string good = *Key::Pem(algorithm, Text(pair.private_pem)).Sign("text");
      EXPECT_TRUE(shown.Verify("text", good)) << algorithm;
      EXPECT_FALSE(shown.Verify("Text", good)) << algorithm;
      EXPECT_FALSE(shown.Verify("text", good + '\0')) << algorithm;
      EXPECT_FALSE(shown.Verify("text", good.substr(1))) << algorithm;
      EXPECT_FALSE(shown.Verify("text", "")) << algorithm;
      EXPECT_FALSE(shown.Verify("text", std::string(good.size(), '\0'))) << algorithm;
      for (const char* other : pair.algorithms) {
        EXPECT_EQ(Key::Pem(other, Text(pair.public_pem)).Verify("text", good), other == algorithm)
            << algorithm << " for " << other;
      }
    }
  }
}

// Proves: RSA of 2048 bits; a curve for each ES; r and s of fixed length
TEST(KeyTest, AnAlgorithmRejectsKeysOfAnotherKindOrCurve) {
  for (const Pair& own : kPairs) {
    for (const char* algorithm : own.algorithms) {
      for (const Pair& other : kPairs) {
        if (other.kind == own.kind) continue;
        for (const std::string_view pem : {other.private_pem, other.public_pem}) {
          EXPECT_THAT([&] { Key::Pem(algorithm, Text(pem)); },
                      ThrowsMessage<std::runtime_error>(HasSubstr(Text(own.kind))))
              << algorithm;
        }
      }
    }
  }
}

// RFC 7518 §3.4: r and s concatenated, each as long as the curve's order; not OpenSSL's DER.
// Proves: RSA of 2048 bits; a curve for each ES; r and s of fixed length
TEST(KeyTest, AnEcSignatureIsTwoNumbersOfFixedLength) {
  const Key key = Key::Pem("ES256", Text(fixtures::kP256PrivatePem));
  for (int i = 0; i < 600; ++i) {  // one in 256 has a leading zero, which must stay
    const std::string text = std::to_string(i);
    const std::string good = *key.Sign(text);
    ASSERT_EQ(good.size(), 64u);
    ASSERT_TRUE(key.Verify(text, good));
  }
  EXPECT_EQ(Key::Pem("ES512", Text(fixtures::kP521PrivatePem)).Sign("text")->size(), 132u);
  const std::string der = FromHex("3006020101020101");
  EXPECT_FALSE(key.Verify("text", der));
  EXPECT_FALSE(key.Verify("text", std::string(64, '\xFF')));
}

TEST(KeyTest, APemKeyIsRejectedForUnknownAndHmacAlgorithms) {
  for (const char* wrong : {"HS256", "none", "", "rs256", "ES256K", "RS1", "eddsa", "ES521"}) {
    EXPECT_THAT([&] { Key::Pem(wrong, Text(fixtures::kRsaPublicPem)); },
                Throws<std::runtime_error>())
        << wrong;
  }
}

// Proves: PEM keys
TEST(KeyTest, AnInvalidPemIsRejectedWithoutRepeatingIt) {
  const std::string good = Text(fixtures::kRsaPublicPem);
  for (const std::string& wrong :
       {""s, "secret-looking text"s, good.substr(0, good.size() / 2), good.substr(30),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"s}) {
    try {
      Key::Pem("RS256", wrong);
      ADD_FAILURE() << wrong;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string_view(error.what()).find("secret-looking"), std::string_view::npos);
    }
  }
}

TEST(KeyTest, AnEncryptedPrivateKeyIsRejectedWithoutAPasswordPrompt) {
  EXPECT_THAT([] { Key::Pem("RS256", Text(fixtures::kEncryptedPrivatePem)); },
              Throws<std::runtime_error>());
}

}  // namespace
}  // namespace parley

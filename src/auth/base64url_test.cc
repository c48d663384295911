#include "auth/base64url.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

using std::string_literals::operator""s;

struct Vector {
  std::string bytes, text;
};

// RFC 4648 §10 without padding, RFC 7515 appendix C, and texts in which the two alphabets differ.
const Vector kVectors[] = {
    {"", ""},
    {"f", "Zg"},
    {"fo", "Zm8"},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg"},
    {"fooba", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy"},
    {"\x03\xEC\xFF\xE0\xC1"s, "A-z_4ME"},
    {"\xFB\xFF\xBF"s, "-_-_"},
    {"\xFF\xFF\xFF"s, "____"},
    {"\0"s, "AA"},
    {"\0\0\0"s, "AAAA"},
    {R"({"typ":"JWT",)"
     "\r\n"
     R"( "alg":"HS256"})",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"},
};

TEST(Base64UrlTest, TheVectorsOfTheStandardsAreEncodedAndDecoded) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(EncodeBase64Url(bytes), text);
    EXPECT_EQ(DecodeBase64Url(text), bytes) << text;
  }
}

TEST(Base64UrlTest, EncodedBytesAreDecodedUnchanged) {
  std::string bytes;
  for (int i = 0; i < 512; ++i) {
    bytes += static_cast<char>(i * 167 + i / 256);
    ASSERT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes) << i;
  }
}

TEST(Base64UrlTest, PaddingIsRejected) {
  for (const char* text : {"Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "====", "Z=g", "=Zg"}) {
    EXPECT_FALSE(DecodeBase64Url(text)) << text;
  }
}

TEST(Base64UrlTest, EveryCharacterOutsideTheAlphabetIsRejected) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int c = 0; c < 256; ++c) {
    const std::string character(1, static_cast<char>(c));
    const bool known = alphabet.find(character) != std::string::npos;
    for (const std::string& text : {character + "AAA", "A" + character + "AA", "AAA" + character}) {
      EXPECT_EQ(DecodeBase64Url(text).has_value(), known) << c;
    }
  }
}

TEST(Base64UrlTest, AnImpossibleLengthIsRejected) {
  EXPECT_FALSE(DecodeBase64Url("A"));
  EXPECT_FALSE(DecodeBase64Url("AAAAA"));
  EXPECT_FALSE(DecodeBase64Url("Zm9vY"));
}

// Proves: base64url, strictly
TEST(Base64UrlTest, UnusedBitsOfTheLastCharacterMustBeZero) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < alphabet.size(); ++i) {
    EXPECT_EQ(DecodeBase64Url(std::string("Z") + alphabet[i]).has_value(), i % 16 == 0);
    EXPECT_EQ(DecodeBase64Url(std::string("Zm") + alphabet[i]).has_value(), i % 4 == 0);
  }
}

}  // namespace
}  // namespace parley

// Values as django-redis 6 writes them: the bytes are from its own serializers and compressors.
#include "cache/django_codec.h"

#include <gtest/gtest.h>

#include "auth/base64url.h"

namespace parley {
namespace {

using namespace std::string_view_literals;

constexpr size_t kMost = 1'000'000;

std::string Bytes(std::string_view base64) { return DecodeBase64Url(base64).value(); }

std::optional<std::string> TextOf(std::string_view bytes, size_t most = kMost) {
  const auto value = DecodeCacheValue(bytes, most);
  if (!value || !std::holds_alternative<CacheJson>(*value)) return std::nullopt;
  return std::get<CacheJson>(*value).text;
}

TEST(DjangoCodec, KeysHaveThePrefixTheVersionAndTheKeyWithoutEscapes) {
  EXPECT_EQ(DjangoCacheKey("", 1, "key"), ":1:key");
  EXPECT_EQ(DjangoCacheKey("django_cache", 1, "i"), "django_cache:1:i");
  EXPECT_EQ(CacheKey("", "key"), ":1:parley:key");
  EXPECT_EQ(CacheKey("chat", "key"), "chat:1:parley:key");
  EXPECT_EQ(DjangoCacheKey("a:b", 12, "c:d e"), "a:b:12:c:d e");
}

TEST(DjangoCodec, DecimalDigitsAreAnInteger) {
  EXPECT_EQ(std::get<int64_t>(DecodeCacheValue("123", kMost).value()), 123);
  EXPECT_EQ(std::get<int64_t>(DecodeCacheValue("-7", kMost).value()), -7);
  EXPECT_EQ(std::get<int64_t>(DecodeCacheValue("9223372036854775807", kMost).value()), INT64_MAX);
  EXPECT_EQ(TextOf("9223372036854775808"), "9223372036854775808");
  EXPECT_EQ(TextOf("\"123\""), "\"123\"") << "text in JSON";
  EXPECT_EQ(TextOf("1.5"), "1.5");
  EXPECT_EQ(TextOf(""), "");
}

TEST(DjangoCodec, OnlyJsonOfMoreThan15BytesIsCompressed) {
  EXPECT_EQ(EncodeCacheJson("null", CacheCompressor::kZlib), "null");
  EXPECT_EQ(EncodeCacheJson("\"hi\"", CacheCompressor::kZlib), "\"hi\"");
  EXPECT_EQ(EncodeCacheJson("\"0123456789012\"", CacheCompressor::kZlib), "\"0123456789012\"");
  const std::string packed = EncodeCacheJson("\"01234567890123\"", CacheCompressor::kZlib);
  EXPECT_TRUE(packed.starts_with("\x78\x9c")) << "zlib, level 6, even if it is longer";
  EXPECT_EQ(TextOf(packed), "\"01234567890123\"");
  EXPECT_EQ(EncodeCacheJson("\"01234567890123\"", CacheCompressor::kNone), "\"01234567890123\"");
}

// JSONSerializer and each compressor of django-redis, for {"a": [1, 2.5, null, "\u00e9"], "b": true}.
TEST(DjangoCodec, ValuesAreReadWithAnyCompressorOfTheWriter) {
  constexpr std::string_view kJson = R"({"a": [1, 2.5, null, "\u00e9"], "b": true})";
  EXPECT_EQ(TextOf(kJson), kJson);
  EXPECT_EQ(TextOf(Bytes("eJyrVkpUslKINtRRMNIz1VHIK83J0VFQiik1MEi1VIoFMpOA0iVFpam1AOH2CzQ")), kJson)
      << "zlib.compress(…, 6)";
  EXPECT_EQ(TextOf(Bytes(
                "H4sIAAAAAAACA6tWSlSyUog21FEw0jPVUcgrzcnRUVCKKTUwSLVUigUyk4DSJUWlqbUAgo_7HSoAAAA")),
            kJson)
      << "gzip.compress";
}

TEST(DjangoCodec, PicklesAreRefusedCompressedOrNot) {
  for (const char protocol : {'\2', '\3', '\4', '\5'}) {
    const std::string pickle = std::string("\x80") + protocol + "\x88.";  // True
    EXPECT_FALSE(DecodeCacheValue(pickle, kMost)) << int{protocol};
    const std::string long_pickle = pickle + std::string(100, 'x');
    EXPECT_FALSE(DecodeCacheValue(EncodeCacheJson(long_pickle, CacheCompressor::kZlib), kMost));
  }
}

TEST(DjangoCodec, AValueThatDoesNotDecompressIsTakenAsItIs) {
  const std::string packed = EncodeCacheJson(std::string(100, 'x'), CacheCompressor::kZlib);
  for (size_t cut = 1; cut < packed.size(); ++cut) {
    EXPECT_EQ(TextOf(packed.substr(0, cut)), packed.substr(0, cut)) << "as django-redis does";
  }
  EXPECT_EQ(TextOf(packed + "x"), packed + "x");
  EXPECT_EQ(TextOf("\x78\x9c garbage"sv), "\x78\x9c garbage"sv);
}

TEST(DjangoCodec, LongValuesAndDecompressionBombsAreRefused) {
  const std::string packed = EncodeCacheJson(std::string(kMost, ' '), CacheCompressor::kZlib);
  EXPECT_LT(packed.size(), 2000u);
  EXPECT_TRUE(TextOf(packed, kMost));
  EXPECT_FALSE(DecodeCacheValue(packed, kMost - 1));
  EXPECT_FALSE(DecodeCacheValue(std::string(101, 'x'), 100));
}

}  // namespace
}  // namespace parley

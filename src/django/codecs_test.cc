// Encodings of the channel layer, with the bytes that channels_redis was seen to write.
#include <gtest/gtest.h>

#include <cmath>

#include "django/float_text.h"
#include "django/json_text.h"
#include "django/message_codec.h"
#include "django/msgpack.h"

namespace parley::django {
namespace {

using namespace std::string_literals;

std::string FromHex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

std::string ToHex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
    out += digits;
  }
  return out;
}

std::string PackedJson(std::string_view json) {
  std::string out;
  AppendMsgpack(out, ParseJson(json).value());
  return ToHex(out);
}

std::string UnpackedHex(std::string_view hex) {
  const auto value = DecodeMsgpack(FromHex(hex));
  return value ? JsonOf(*value) : "refused";
}

TEST(Msgpack, WritesWhatPythonWrites) {
  EXPECT_EQ(PackedJson(R"({"type":"t","x":1})"), "82a474797065a174a17801");
  EXPECT_EQ(PackedJson("[-1,-32,-33,127,128,256,65535,65536]"),
            "98ffe0d0df7fcc80cd0100cdffffce00010000");
  EXPECT_EQ(PackedJson("4294967296"), "cf0000000100000000");
  EXPECT_EQ(PackedJson("9223372036854775808"), "cf8000000000000000");
  EXPECT_EQ(PackedJson("18446744073709551615"), "cfffffffffffffffff");
  EXPECT_EQ(PackedJson("-9223372036854775808"), "d38000000000000000");
  EXPECT_EQ(PackedJson("[-128,-129,-32768,-32769,-2147483648,-2147483649]"),
            "96d080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff");
  EXPECT_EQ(PackedJson("1.5"), "cb3ff8000000000000");
  EXPECT_EQ(PackedJson("1e0"), "cb3ff0000000000000");
  EXPECT_EQ(PackedJson("[null,true,false,-0,-0.0]"), "95c0c3c200cb8000000000000000");
  EXPECT_EQ(PackedJson("18446744073709551616"), "cb43f0000000000000") << "as a double";
  EXPECT_EQ(PackedJson("1e400"), "a5" + ToHex("1e400")) << "an infinity is not JSON";
  const std::string text32(32, 'a'), text256(256, 'a'), text65536(65536, 'a');
  EXPECT_EQ(PackedJson('"' + text32 + '"').substr(0, 4), "d920");
  EXPECT_EQ(PackedJson('"' + text256 + '"').substr(0, 6), "da0100");
  EXPECT_EQ(PackedJson('"' + text65536 + '"').substr(0, 10), "db00010000");
  EXPECT_EQ(PackedJson("[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]").substr(0, 6), "dc0010");
  std::string bytes;
  AppendMsgpack(bytes, Value::Bytes("a"));
  EXPECT_EQ(ToHex(bytes), "c40161");
}

TEST(Msgpack, ReadsWhatPythonWrites) {
  EXPECT_EQ(UnpackedHex("82a474797065a174a17801"), R"({"type":"t","x":1})");
  EXPECT_EQ(UnpackedHex("98ffe0d0df7fcc80cd0100cdffffce00010000"),
            "[-1,-32,-33,127,128,256,65535,65536]");
  EXPECT_EQ(UnpackedHex("cf8000000000000000"), "9223372036854775808");
  EXPECT_EQ(UnpackedHex("d38000000000000000"), "-9223372036854775808");
  EXPECT_EQ(UnpackedHex("96d080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff"),
            "[-128,-129,-32768,-32769,-2147483648,-2147483649]");
  EXPECT_EQ(UnpackedHex("92cb3ff8000000000000cb3ff0000000000000"), "[1.5,1.0]");
  EXPECT_EQ(UnpackedHex("ca3fc00000"), "1.5") << "32 bits";
  EXPECT_EQ(UnpackedHex("93cb7ff8000000000000cb7ff0000000000000c0"), "[null,null,null]");
  EXPECT_EQ(UnpackedHex("92c40161c402ff00"), R"(["a","/wA="])") << "bytes";
  EXPECT_EQ(UnpackedHex("81c4016101"), R"({"a":1})") << "a key of bytes";
  EXPECT_EQ(UnpackedHex("de0001a16101"), R"({"a":1})") << "lengths can be wider than required";
  EXPECT_EQ(UnpackedHex("df00000001d90161db0000000162"), R"({"a":"b"})");
  EXPECT_EQ(UnpackedHex("dd00000001dc0001c0"), "[[null]]");
}

TEST(Msgpack, RefusesWhatIsNotOneMessage) {
  for (const char* const hex : {
           "",
           "c1",
           "82a17801",
           "a3c328",
           "a1ff",
           "8101c0",
           "c0c0",
           "81c0c0",            // a key of another type
           "82a16101a16102",    // a name twice
           "82a16101c4016102",  // as text and as bytes
           "d40100",
           "c70100ff",
           "d6ff00000000",
           "c9000000010100",  // extensions
           "ddffffffff",
           "dfffffffff",
           "dbffffffff",
           "c6ffffffff",
           "da00",  // lengths beyond the end
           "cb3ff800",
           "cd01",
       }) {
    EXPECT_EQ(UnpackedHex(hex), "refused") << hex;
  }
}

TEST(Msgpack, LimitsNestingAndSize) {
  const auto nested = [](size_t depth) { return std::string(depth - 1, '\x91') + "\xC0"; };
  EXPECT_TRUE(DecodeMsgpack(nested(64)));
  EXPECT_FALSE(DecodeMsgpack(nested(65)));
  EXPECT_FALSE(DecodeMsgpack(nested(100'000)));
  const auto nulls = [](size_t count) {
    std::string out = "\xDD";
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(count >> shift & 0xFF);
    return out + std::string(count, '\xC0');
  };
  EXPECT_TRUE(DecodeMsgpack(nulls(kMostValues - 1)));
  EXPECT_FALSE(DecodeMsgpack(nulls(kMostValues)));
  EXPECT_FALSE(DecodeMsgpack("\xDB\x00\x10\x00\x00"s + std::string(kMostBytes, 'a')));
}

TEST(JsonText, KeepsNumbersAndText) {
  for (const char* const json :
       {"1", "-0", "1.0", "1e400", "123456789012345678901234567890", "0.1000",
        R"("a\"\\\n\u0000b")", R"({"a":[],"b":{},"c":[1,"é😀",null,true,false]})"}) {
    EXPECT_EQ(JsonOf(ParseJson(json).value()), json);
  }
  EXPECT_EQ(JsonOf(ParseJson(" { \"a\" : [ 1 , 2 ] } \n").value()), R"({"a":[1,2]})");
  EXPECT_EQ(JsonOf(ParseJson(R"("\u00e9\ud83d\ude00\/\b\f\n\r\t")").value()),
            R"("é😀/\b\f\n\r\t")");
}

TEST(JsonText, RefusesWhatIsNotJson) {
  for (const std::string& json : {""s,
                                  "tru"s,
                                  "{"s,
                                  "[1,]"s,
                                  "{\"a\"}"s,
                                  "{\"a\":1,}"s,
                                  "{a:1}"s,
                                  "01"s,
                                  "1."s,
                                  ".5"s,
                                  "+1"s,
                                  "1e"s,
                                  "--1"s,
                                  "NaN"s,
                                  "Infinity"s,
                                  "'a'"s,
                                  "\"a"s,
                                  "\"\\x\""s,
                                  "\"\\u12\""s,
                                  "\"\n\""s,
                                  "\"\\ud800\""s,
                                  "\"\\udc00\""s,
                                  "\"\\ud800\\u0041\""s,
                                  "\"\xff\""s,
                                  "1 2"s,
                                  "{\"a\":1,\"a\":2}"s,
                                  "{\"a\":1,\"\\u0061\":2}"s,
                                  std::string(65, '['),
                                  std::string(65, '[') + std::string(65, ']'),
                                  "\"\\"s,
                                  "\xEF\xBB\xBF{}"s}) {
    EXPECT_FALSE(ParseJson(json)) << json;
  }
  EXPECT_TRUE(ParseJson(std::string(63, '[') + "1" + std::string(63, ']')));
}

TEST(JsonText, WritesAsPythonDoes) {
  std::string out;
  AppendPythonJson(out, ParseJson(R"({"type":"t","a":[1,2.5,"é😀\u007f\n"],"b":{}})").value());
  EXPECT_EQ(out, R"({"type": "t", "a": [1, 2.5, "\u00e9\ud83d\ude00)"
                 "\x7f"
                 R"(\n"], "b": {}})");
}

TEST(FloatText, IsTheReprOfPython) {
  EXPECT_EQ(FloatText(1795395057.3461795), "1795395057.3461795");
  EXPECT_EQ(FloatText(1795395057), "1795395057.0");
  EXPECT_EQ(FloatText(100000), "100000.0");
  EXPECT_EQ(FloatText(0), "0.0");
  EXPECT_EQ(FloatText(-0.0), "-0.0");
  EXPECT_EQ(FloatText(0.1), "0.1");
  EXPECT_EQ(FloatText(0.0001), "0.0001");
  EXPECT_EQ(FloatText(0.00001), "1e-05");
  EXPECT_EQ(FloatText(-1.25e-7), "-1.25e-07");
  EXPECT_EQ(FloatText(1e15), "1000000000000000.0");
  EXPECT_EQ(FloatText(1e16), "1e+16");
  EXPECT_EQ(FloatText(1.5e300), "1.5e+300");
  EXPECT_EQ(FloatText(5e-324), "5e-324");
}

constexpr Timestamp kThen{1'700'000'000'000'000};
const std::vector<std::string> kKeys{"secret-key-one"};
constexpr std::string_view kToken =
    "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD1dqu8vZgwh-xHSD4XJzUzfcQvDho2aRMn-9djYRhFhrX9SbTVcxgnWUJgr9"
    "Fh1PjQ==";

TEST(FernetTokens, AreThoseOfChannelsRedis) {
  const Fernet fernet(kKeys);
  Fernet::Vector vector;
  for (size_t i = 0; i < vector.size(); ++i) vector[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(fernet.EncryptWith(FromHex("81a474797065a174"), kThen, vector), kToken);
  EXPECT_EQ(fernet.Decrypt(kToken, kThen, {}), FromHex("81a474797065a174"));
}

TEST(FernetTokens, AreReadWithAnyKeyAndWrittenWithTheFirst) {
  const std::vector<std::string> rotated{"new", "secret-key-one"};
  const Fernet both(rotated), old(kKeys);
  EXPECT_TRUE(both.Decrypt(kToken, kThen, {}));
  const std::string fresh = both.Encrypt("x", kThen);
  EXPECT_EQ(both.Decrypt(fresh, kThen, {}), "x");
  EXPECT_FALSE(old.Decrypt(fresh, kThen, {}));
  EXPECT_NE(both.Encrypt("x", kThen), fresh) << "the initialization vector is random";
}

TEST(FernetTokens, ExpireOnlyIfThereIsATtl) {
  const Fernet fernet(kKeys);
  const std::chrono::seconds ttl(70);
  const auto at = [&](int64_t seconds) {
    return fernet.Decrypt(kToken, {kThen.micros + seconds * 1'000'000}, ttl).has_value();
  };
  EXPECT_TRUE(at(70));
  EXPECT_FALSE(at(71));
  EXPECT_TRUE(at(-60)) << "a clock that is behind";
  EXPECT_FALSE(at(-61));
  EXPECT_TRUE(fernet.Decrypt(kToken, {0}, {}));
}

TEST(FernetTokens, RefuseEveryChangedByte) {
  const Fernet fernet(kKeys);
  for (size_t i = 0; i < kToken.size(); ++i) {
    std::string changed(kToken);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(fernet.Decrypt(changed, kThen, {})) << i;
    EXPECT_FALSE(fernet.Decrypt(kToken.substr(0, i), kThen, {})) << i;
  }
}

TEST(MessageCodec, ReadsBackWhatItWrites) {
  const Value message =
      ParseJson(R"({"type":"chat.message","message":{"content":"é"},"n":1.5})").value();
  for (const Serializer serializer : {Serializer::kMsgpack, Serializer::kJson}) {
    for (const size_t prefix : {0, 12, 5}) {
      for (const bool encrypted : {false, true}) {
        const MessageCodec codec({.serializer = serializer,
                                  .random_prefix = prefix,
                                  .keys = encrypted ? kKeys : std::vector<std::string>(),
                                  .ttl = std::chrono::seconds(70)});
        const std::string bytes = codec.Encode(message, kThen);
        EXPECT_EQ(codec.Decode(bytes, kThen), message);
        EXPECT_EQ(codec.Encode(message, kThen) != bytes, prefix > 0 || encrypted);
      }
    }
  }
}

TEST(MessageCodec, RefusesOtherThanObjects) {
  const MessageCodec codec({.random_prefix = 2});
  EXPECT_TRUE(codec.Decode("xx\x80", kThen));
  for (const std::string_view bytes : {"", "x", "xx", "xx\xC0", "xx\x90", "xx\x80\x80"}) {
    EXPECT_FALSE(codec.Decode(bytes, kThen));
  }
}

TEST(MessageCodec, TakesTheChannelsOutOfAMessage) {
  const auto taken = [](std::string_view json) {
    Value message = ParseJson(json).value();
    auto channels = TakeChannels(message);
    EXPECT_EQ(message.Find(kChannelField), nullptr);
    return channels;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(taken(R"({"__asgi_channel__":["a!b","c"]})"), (Names{"a!b", "c"}));
  EXPECT_EQ(taken(R"({"__asgi_channel__":"a!b"})"), Names{"a!b"});
  EXPECT_EQ(taken(R"({"__asgi_channel__":[1,"a",null]})"), Names{"a"});
  EXPECT_EQ(taken(R"({"__asgi_channel__":7})"), Names{});
  EXPECT_EQ(taken(R"({"type":"t"})"), Names{});
}

}  // namespace
}  // namespace parley::django

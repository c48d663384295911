#include "protocol/json_writer.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <limits>
#include <random>
#include <stdexcept>

namespace parley {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonWriter, NestsObjectsAndArraysWithTheRightCommas) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field("a", 1);
  json.Key("empty");
  json.BeginObject();
  json.EndObject();
  json.Key("list");
  json.BeginArray();
  json.Int(1);
  json.BeginArray();
  json.EndArray();
  json.BeginObject();
  json.Field("x", "y");
  json.EndObject();
  json.String("last");
  json.EndArray();
  json.Field("after", true);
  json.EndObject();
  EXPECT_EQ(out, R"({"a":1,"empty":{},"list":[1,[],{"x":"y"},"last"],"after":true})");
}

TEST(JsonWriter, WritesEachTypeOfField) {
  const auto id = Uuid::Parse("0190C42E-1D2B-7ABC-8DEF-0123456789AB");
  ASSERT_TRUE(id.has_value());
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field("view", std::string_view("v"));
  json.Field("string", std::string("s"));
  json.Field("literal", "l");
  json.Field("id", *id);
  json.Field("time", Timestamp{1'700'000'000'123'456});
  json.Field("yes", true);
  json.Field("no", false);
  json.Field("none", std::optional<std::string>());
  json.Field("some", std::optional<std::string>("there"));
  json.Field("when", std::optional<Timestamp>());
  json.Field("which", std::optional<Uuid>(*id));
  json.Field("count", size_t{7});
  json.Key("null");
  json.Null();
  json.Key("raw");
  json.Raw(R"({"k":[1,2]})");
  json.EndObject();
  EXPECT_EQ(out, R"({"view":"v","string":"s","literal":"l",)"
                 R"("id":"0190c42e-1d2b-7abc-8def-0123456789ab",)"
                 R"("time":"2023-11-14T22:13:20.123456Z","yes":true,"no":false,"none":null,)"
                 R"("some":"there","when":null,"which":"0190c42e-1d2b-7abc-8def-0123456789ab",)"
                 R"("count":7,"null":null,"raw":{"k":[1,2]}})");
}

TEST(JsonWriter, WritesTheWholeRangeOfIntegers) {
  std::string out;
  JsonWriter json(out);
  json.BeginArray();
  json.Int(0);
  json.Int(-1);
  json.Int(std::numeric_limits<int64_t>::min());
  json.Int(std::numeric_limits<int64_t>::max());
  json.Value(std::numeric_limits<uint64_t>::max());
  json.Value(uint8_t{200});
  json.EndArray();
  EXPECT_EQ(out, "[0,-1,-9223372036854775808,9223372036854775807,18446744073709551615,200]");
}

TEST(JsonWriter, AppendsToTheExistingText) {
  std::string out = "data: ";
  JsonWriter json(out);
  json.String("x");
  EXPECT_EQ(out, "data: \"x\"");
}

TEST(JsonWriter, KeysAreEscapedToo) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field(std::string("a\"b"), 1);
  json.EndObject();
  EXPECT_EQ(out, R"({"a\"b":1})");
}

TEST(JsonWriter, RemembersCommasOnEveryLevelUpToTheDeepest) {
  std::string out;
  std::string expected;
  JsonWriter json(out);
  for (int i = 0; i < JsonWriter::kMaxDepth; ++i) {
    json.BeginArray();
    json.Int(i);
    expected += (i == 0 ? "[" : ",[") + std::to_string(i);
  }
  EXPECT_THROW(json.BeginArray(), std::length_error);
  for (int i = 0; i < JsonWriter::kMaxDepth; ++i) {
    json.Int(i);
    json.EndArray();
    expected += "," + std::to_string(i) + "]";
  }
  EXPECT_EQ(out, expected);
}

TEST(JsonEscape, OnlyQuotesBackslashesAndControlCharactersAreEscaped) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("\b\t\n\f\r\"\\"), R"("\b\t\n\f\r\"\\")");
  EXPECT_EQ(Quoted(std::string_view("\0\x01\x0B\x1F", 4)), R"("\u0000\u0001\u000b\u001f")");
  EXPECT_EQ(Quoted("</script> & 'it' \x7F"), "\"</script> & 'it' \x7F\"");
  EXPECT_EQ(Quoted("\xE2\x80\xA8\xE2\x80\xA9"), "\"\xE2\x80\xA8\xE2\x80\xA9\"");
  EXPECT_EQ(Quoted("na\xC3\xAFve \xF0\x9F\x98\x80"), "\"na\xC3\xAFve \xF0\x9F\x98\x80\"");
}

TEST(JsonEscape, EveryByteIsEscapedAtEveryPosition) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    std::string expected(1, c);
    if (byte < 0x20) expected = std::string("\\u00") + kHex[byte / 16] + kHex[byte % 16];
    if (c == '\b') expected = "\\b";
    if (c == '\t') expected = "\\t";
    if (c == '\n') expected = "\\n";
    if (c == '\f') expected = "\\f";
    if (c == '\r') expected = "\\r";
    if (c == '"') expected = "\\\"";
    if (c == '\\') expected = "\\\\";
    if (byte >= 0x80) expected = "\xEF\xBF\xBD";  // no code point by itself
    for (size_t before = 0; before < 18; ++before) {
      for (size_t after = 0; after < 10; ++after) {
        // Neighbours that a sloppy test of eight bytes at once would stumble over.
        const std::string front(before, '\x7F'), back(after, '!');
        ASSERT_EQ(Quoted(front + c + back), "\"" + front + expected + back + "\"")
            << byte << " at " << before;
      }
    }
  }
}

TEST(JsonEscape, RandomTextSurvivesWritingAndParsing) {
  std::mt19937 random(7);
  simdjson::dom::parser parser;
  const std::string_view parts[] = {"a",
                                    "word ",
                                    "\"",
                                    "\\",
                                    "\n",
                                    "\x01",
                                    "\x1F",
                                    "\xC3\xA9",
                                    "\xE2\x80\xA8",
                                    "\xF0\x9F\x98\x80",
                                    "/",
                                    "<b>",
                                    "\x7F",
                                    std::string_view("\0", 1)};
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    const size_t count = random() % 60;
    for (size_t i = 0; i < count; ++i) text += parts[random() % std::size(parts)];
    std::string document;
    JsonWriter json(document);
    json.BeginObject();
    json.Field("text", text);
    json.EndObject();
    std::string_view back;
    ASSERT_EQ(parser.parse(document)["text"].get(back), simdjson::SUCCESS) << document;
    ASSERT_EQ(back, text);
  }
}

TEST(JsonWriterTest, EachByteIsEscapedAtEachPlaceOfShortAndLongTexts) {
  for (size_t size = 1; size <= 40; ++size) {
    for (size_t place = 0; place < size; ++place) {
      for (const auto& [byte, escaped] : {std::pair("\"", "\\\""),
                                          {"\\", "\\\\"},
                                          {"\n", "\\n"},
                                          {"\x1F", "\\u001f"},
                                          {"\x7F", "\x7F"},
                                          {" ", " "},
                                          {"!", "!"},
                                          {"\xFF", "\ufffd"}}) {
        std::string text(size, 'x'), out = "before";
        text.replace(place, 1, byte);
        AppendJsonString(out, text);
        std::string expected(size, 'x');
        expected.replace(place, 1, escaped);
        ASSERT_EQ(out, "before\"" + expected + "\"") << size << " " << place;
      }
    }
  }
}

TEST(JsonWriterTest, TheOutputIsValidUtf8ForAnyInput) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject();
  json.Field(std::string("a\xff"), std::string("\xc3\xa9\xff\"\xe2\x82"));
  json.Key("raw");
  json.Raw("{\"b\":\"\xfe\"}");
  json.EndObject();
  EXPECT_EQ(out, "{\"a\ufffd\":\"\u00e9\ufffd\\\"\ufffd\ufffd\",\"raw\":{\"b\":\"\ufffd\"}}");
}

}  // namespace
}  // namespace parley

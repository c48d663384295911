#include "protocol/json_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

class JsonReaderTest : public testing::Test {
 protected:
  FieldReader Fields(std::string_view text) {
    auto object = reader_.ParseObject(text);
    EXPECT_TRUE(object) << text;
    return FieldReader(*object);
  }
  ErrorCode ErrorOf(std::string_view text) {
    const auto object = reader_.ParseObject(text);
    return object ? ErrorCode::internal : object.error().code;
  }
  static std::string WrongOf(const FieldReader& fields, std::string_view name) {
    const auto error = fields.error();
    if (!error) return "";
    EXPECT_EQ(error->code, ErrorCode::invalid_field);
    for (const auto& [field, what] : error->fields) {
      if (field == name) return what;
    }
    return "";
  }

  JsonReader reader_{32};
};

TEST_F(JsonReaderTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "{}{}",
                           "{} x",
                           "[]",
                           "[1]",
                           "1",
                           "\"a\"",
                           "null",
                           "true",
                           "{\"a\":}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":1,}",
                           "{\"a\":01}",
                           "{\"a\":+1}",
                           "{\"a\":.5}",
                           "{\"a\":NaN}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\udc00\\ud800\"}",
                           "{\"a\":\"\xC3\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           "{\"a\":\"\xC0\x80\"}",
                           "// c\n{}"}) {
    EXPECT_EQ(ErrorOf(text), ErrorCode::bad_json) << text;
  }
}

TEST_F(JsonReaderTest, NestingEndsAtTheGivenDepth) {
  const auto nested = [](int levels) {
    std::string text = "{\"a\":";
    for (int i = 1; i < levels; ++i) text += '[';
    text += "1";
    for (int i = 1; i < levels; ++i) text += ']';
    return text + '}';
  };
  EXPECT_TRUE(reader_.ParseObject(nested(32)));
  EXPECT_EQ(ErrorOf(nested(33)), ErrorCode::bad_json);
  EXPECT_EQ(ErrorOf(nested(100'000)), ErrorCode::bad_json);
}

TEST_F(JsonReaderTest, ATextMayBeLargerThanTheFirstBuffer) {
  const std::string text = "{\"a\":\"" + std::string(900'000, 'x') + "\"}";
  auto fields = Fields(text);
  EXPECT_EQ(fields.Text("a")->size(), 900'000u);
  EXPECT_EQ(Fields("{\"a\":\"again\"}").Text("a"), "again");
}

TEST_F(JsonReaderTest, WholeNumbersBeyond64BitsAreJsonToo) {
  FieldReader fields = Fields(
      R"({"a":437284885308446359945216,"b":[-18446744073709551617,1e3,0.00000000000000000001],)"
      R"("c":"12345678901234567890123\" 12345678901234567890123","d":9223372036854775807})");
  EXPECT_EQ(fields.Text("c"), "12345678901234567890123\" 12345678901234567890123");
  EXPECT_EQ(fields.Integer("d"), INT64_MAX);
  EXPECT_EQ(fields.Integer("a"), std::nullopt);
  EXPECT_NE(WrongOf(fields, "a"), "");
  EXPECT_EQ(ErrorOf(R"({"a":012345678901234567890123})"), ErrorCode::bad_json);
  EXPECT_EQ(ErrorOf(R"({"a":1e999})"), ErrorCode::bad_json);
}

TEST_F(JsonReaderTest, AWholeNumberMayBeWrittenWithAFractionOfNothing) {
  FieldReader fields = Fields(R"({"a":3.0,"b":-2e1,"c":3.5,"d":1e300,"e":"3","f":4.0})");
  EXPECT_EQ(fields.Integer("a"), 3);
  EXPECT_EQ(fields.Integer("b"), -20);
  EXPECT_EQ(fields.User("f"), "4");
  for (const char* name : {"c", "d", "e"}) EXPECT_EQ(fields.Integer(name), std::nullopt) << name;
}

TEST_F(JsonReaderTest, AReaderGoesOnAfterABadText) {
  EXPECT_EQ(ErrorOf("{\"a\":"), ErrorCode::bad_json);
  EXPECT_EQ(Fields("{\"a\":\"b\"}").Text("a"), "b");
}

TEST_F(JsonReaderTest, FieldsAreTakenByType) {
  auto fields = Fields(R"({"t":"\u00e4\ud83d\ude00","i":-7,"big":9223372036854775807,"b":true,)"
                       R"("id":"0190B8A4-7C1E-7ABC-8DEF-0123456789AB","o":{"x":1}})");
  EXPECT_EQ(fields.Text("t"), "\u00e4\U0001F600");
  EXPECT_EQ(fields.Integer("i"), -7);
  EXPECT_EQ(fields.Integer("big"), INT64_MAX);
  EXPECT_EQ(fields.Bool("b"), true);
  EXPECT_EQ(fields.Id("id")->ToString(), "0190b8a4-7c1e-7abc-8def-0123456789ab");
  EXPECT_TRUE(fields.Object("o"));
  EXPECT_TRUE(fields.Has("o"));
  EXPECT_FALSE(fields.error());
}

TEST_F(JsonReaderTest, NullAndAbsentAreTheSame) {
  auto fields = Fields(R"({"n":null})");
  for (const char* name : {"n", "absent"}) {
    EXPECT_FALSE(fields.Text(name));
    EXPECT_FALSE(fields.Integer(name));
    EXPECT_FALSE(fields.Bool(name));
    EXPECT_FALSE(fields.Id(name));
    EXPECT_FALSE(fields.User(name));
    EXPECT_FALSE(fields.Texts(name, 3));
    EXPECT_FALSE(fields.ShortText(name, 3));
    EXPECT_FALSE(fields.Object(name));
    EXPECT_EQ(fields.Metadata(name, 3), "{}");
    EXPECT_FALSE(fields.Has(name));
  }
  EXPECT_TRUE(fields.IsNull("n"));
  EXPECT_FALSE(fields.IsNull("absent"));
  EXPECT_FALSE(fields.error());
  EXPECT_FALSE(fields.RequiredText("n"));
  EXPECT_FALSE(fields.RequiredId("absent"));
  EXPECT_NE(WrongOf(fields, "n"), "");
  EXPECT_NE(WrongOf(fields, "absent"), "");
}

TEST_F(JsonReaderTest, EveryWrongFieldIsNamed) {
  auto fields = Fields(R"({"t":1,"i":"1","f":1.5,"big":9223372036854775808,"b":1,"id":"x","o":[],)"
                       R"("u":"a b","l":"x"})");
  EXPECT_FALSE(fields.Text("t"));
  EXPECT_FALSE(fields.Integer("i"));
  EXPECT_FALSE(fields.Integer("f"));
  EXPECT_FALSE(fields.Integer("big"));
  EXPECT_FALSE(fields.Bool("b"));
  EXPECT_FALSE(fields.RequiredId("id"));
  EXPECT_FALSE(fields.Object("o"));
  EXPECT_FALSE(fields.User("u"));
  EXPECT_FALSE(fields.Texts("l", 3));
  EXPECT_EQ(fields.Metadata("t", 10), "{}");
  for (const char* name : {"t", "i", "f", "big", "b", "id", "o", "u", "l"}) {
    EXPECT_NE(WrongOf(fields, name), "") << name;
  }
  fields.Wrong("own", "Is not so.");
  EXPECT_EQ(WrongOf(fields, "own"), "Is not so.");
}

TEST_F(JsonReaderTest, U0000IsRefusedWhereverTextIsTaken) {
  auto fields = Fields(R"({"t":"a\u0000b","m":{"k":["\u0000"]},"k":{"\u0000":1},"u":"\u0000",)"
                       R"("l":["a","\u0000"]})");
  EXPECT_FALSE(fields.Text("t"));
  EXPECT_EQ(fields.Metadata("m", 1000), "{}");
  EXPECT_EQ(fields.Metadata("k", 1000), "{}");
  EXPECT_FALSE(fields.User("u"));
  for (const char* name : {"t", "m", "k", "u"}) EXPECT_NE(WrongOf(fields, name), "") << name;
}

TEST_F(JsonReaderTest, UserIdsComeAsTextOrWholeNumbers) {
  EXPECT_EQ(Fields(R"({"u":"ann@example.com"})").User("u"), "ann@example.com");
  EXPECT_EQ(Fields(R"({"u":42})").User("u"), "42");
  for (const char* text :
       {R"({"u":""})", R"({"u":1.5})", R"({"u":true})", R"({"u":[1]})", R"({"u":"\u00e4"})"}) {
    auto fields = Fields(text);
    EXPECT_FALSE(fields.User("u")) << text;
    EXPECT_NE(WrongOf(fields, "u"), "") << text;
  }
}

TEST_F(JsonReaderTest, ShortTextCountsCodePoints) {
  auto fields = Fields(R"({"t":"\u00e4\ud83d\ude00x"})");
  EXPECT_EQ(fields.ShortText("t", 3), "\u00e4\U0001F600x");
  EXPECT_FALSE(fields.error());
  EXPECT_FALSE(fields.ShortText("t", 2));
  EXPECT_NE(WrongOf(fields, "t"), "");
}

TEST_F(JsonReaderTest, ListsOfTextsAreBounded) {
  auto fields = Fields(R"({"l":["a","b"],"none":[],"mixed":["a",1]})");
  EXPECT_EQ(fields.Texts("l", 2), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(fields.Texts("none", 2), std::vector<std::string_view>{});
  EXPECT_FALSE(fields.error());
  EXPECT_FALSE(fields.Texts("l", 1));
  EXPECT_FALSE(fields.Texts("mixed", 9));
  EXPECT_NE(WrongOf(fields, "l"), "");
  EXPECT_NE(WrongOf(fields, "mixed"), "");
}

TEST_F(JsonReaderTest, MetadataIsKeptAsJsonWithoutWhiteSpace) {
  auto fields = Fields(R"({"m": { "a" : [ 1, "x y" ] , "b":null }})");
  EXPECT_EQ(fields.Metadata("m", 100), R"({"a":[1,"x y"],"b":null})");
  EXPECT_FALSE(fields.error());
  EXPECT_EQ(fields.Metadata("m", 24), R"({"a":[1,"x y"],"b":null})");
  EXPECT_FALSE(fields.error());
  EXPECT_EQ(fields.Metadata("m", 23), "{}");
  EXPECT_NE(WrongOf(fields, "m"), "");
}

TEST_F(JsonReaderTest, ADuplicateKeyCountsOnce) {
  auto fields = Fields(R"({"a":"first","a":"second"})");
  EXPECT_EQ(fields.Text("a"), "first");
}

}  // namespace
}  // namespace parley

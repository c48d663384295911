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

TEST_F(JsonReaderTest, ValuesOtherThanObjectsAreRefused) {
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

// Proves: depth 32
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

TEST_F(JsonReaderTest, AWholeNumberMayHaveAFractionOfZero) {
  FieldReader fields = Fields(R"({"a":3.0,"b":-2e1,"c":3.5,"d":1e300,"e":"3","f":4.0})");
  EXPECT_EQ(fields.Integer("a"), 3);
  EXPECT_EQ(fields.Integer("b"), -20);
  EXPECT_EQ(fields.User("f"), "4");
  for (const char* name : {"c", "d", "e"}) EXPECT_EQ(fields.Integer(name), std::nullopt) << name;
}

TEST_F(JsonReaderTest, AReaderParsesValidTextAfterInvalidText) {
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

TEST_F(JsonReaderTest, AllInvalidFieldsAreReported) {
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

// Proves: content: 32 KiB, trimmed, not empty, no U+0000
TEST_F(JsonReaderTest, U0000IsRefusedInEveryTextField) {
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
  EXPECT_EQ(Fields(R"({"u":18446744073709551615})").User("u"), "18446744073709551615");
  EXPECT_EQ(Fields(R"({"u":"0190B8A4-7C1E-7ABC-8DEF-0123456789AB"})").User("u"),
            "0190b8a4-7c1e-7abc-8def-0123456789ab");
  for (const char* text :
       {R"({"u":""})", R"({"u":1.5})", R"({"u":true})", R"({"u":[1]})", R"({"u":"\u00e4"})"}) {
    auto fields = Fields(text);
    EXPECT_FALSE(fields.User("u")) << text;
    EXPECT_NE(WrongOf(fields, "u"), "") << text;
  }
}

// Proves: client_id, ref: 64 characters
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

// Proves: metadata, an object of 8 KiB
TEST_F(JsonReaderTest, MetadataIsKeptAsJsonWithoutWhiteSpace) {
  auto fields = Fields(R"({"m": { "a" : [ 1, "x y" ] , "b":null }})");
  EXPECT_EQ(fields.Metadata("m", 100), R"({"a":[1,"x y"],"b":null})");
  EXPECT_FALSE(fields.error());
  EXPECT_EQ(fields.Metadata("m", 24), R"({"a":[1,"x y"],"b":null})");
  EXPECT_FALSE(fields.error());
  EXPECT_EQ(fields.Metadata("m", 23), "{}");
  EXPECT_NE(WrongOf(fields, "m"), "");
}

TEST_F(JsonReaderTest, NumbersInMetadataAreKeptDigitForDigit) {
  const std::string numbers =
      R"({"a":123456789012345678901234567890,"b":0.1000000000000000055511151231257827021181583,)"
      R"("c":-18446744073709551617,"d":1.10,"e":1e-7,"f":9007199254740993,"g":[1E+2,-0]})";
  const std::string text =
      "{ \"before\" : [ {\"m\":1}, \"}\" ], \"m\" :\n" + numbers + " , \"z\":0}";
  auto fields = Fields(text);
  EXPECT_EQ(fields.Metadata("m", 1000), numbers);
  EXPECT_FALSE(fields.error());
}

TEST_F(JsonReaderTest, MetadataKeepsWhiteSpaceInsideStrings) {
  const std::string text =
      R"({"\u006d":{"k\"{}[],: e9999":"\\","l":" x\t\" y ","e":[true,false,{}],"n":{"o":"\u00e4"}}})";
  auto fields = Fields(text);
  EXPECT_EQ(fields.Metadata("m", 1000), text.substr(10, text.size() - 11));
  EXPECT_FALSE(fields.error());
}

TEST_F(JsonReaderTest, ANumberInMetadataBeyondTheRangeOfDoublesIsRefused) {
  for (const char* number : {"1e-401", "-1e-99999999999", "0e401", "0.1E-000000402"}) {
    const std::string text = "{\"m\":{\"n\":" + std::string(number) + "}}";
    auto fields = Fields(text);
    fields.Metadata("m", 1000);
    EXPECT_NE(WrongOf(fields, "m"), "") << number;
  }
  EXPECT_EQ(ErrorOf("{\"m\":{\"n\":1e400}}"), ErrorCode::bad_json);
  auto fields = Fields("{\"m\":{\"n\":[1e300,1e-0400,\"1e999\"]}}");
  EXPECT_EQ(fields.Metadata("m", 1000), "{\"n\":[1e300,1e-0400,\"1e999\"]}");
  EXPECT_FALSE(fields.error());
}

TEST_F(JsonReaderTest, AKeyThatAppearsTwiceIsRefusedAndNamed) {
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":1,";
  for (const std::string& text :
       {std::string(R"({"kk":1,"a":2,"kk":3})"), R"({"a":{"kk":1,"kk":1}})" + std::string(),
        std::string(R"({"a":[[{"kk":1,"\u006bk":2}]]})"), many + "\"kk\":1,\"kk\":2}"}) {
    const auto object = reader_.ParseObject(text);
    ASSERT_FALSE(object) << text;
    EXPECT_EQ(object.error().code, ErrorCode::bad_json);
    EXPECT_NE(object.error().detail.find("\"kk\""), std::string::npos) << object.error().detail;
  }
  EXPECT_TRUE(reader_.ParseObject(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]})"));
  EXPECT_TRUE(reader_.ParseObject(many + "\"kk\":1}"));
  const auto long_key = reader_.ParseObject("{\"" + std::string(9000, 'x') + "\":1,\"" +
                                            std::string(9000, 'x') + "\":1}");
  EXPECT_LT(long_key.error().detail.size(), 200u);
}

TEST_F(JsonReaderTest, NumbersAreAcceptedForTextFieldsInRestBodies) {
  const std::string text = R"({"a":5,"b": 1.50 ,"c":123456789012345678901234567890,"d":true})";
  auto of_frame = Fields(text);
  EXPECT_FALSE(of_frame.Text("a"));
  EXPECT_NE(WrongOf(of_frame, "a"), "");
  FieldReader fields(*reader_.ParseObject(text, JsonSource::kRest));
  EXPECT_EQ(fields.Text("a"), "5");
  EXPECT_EQ(fields.ShortText("b", 10), "1.50");
  EXPECT_EQ(fields.RequiredText("c"), "123456789012345678901234567890");
  EXPECT_EQ(fields.NumberText("b"), "1.50");
  EXPECT_EQ(fields.NumberText("d"), std::nullopt);
  EXPECT_FALSE(fields.error());
  EXPECT_FALSE(fields.Text("d"));
  EXPECT_NE(WrongOf(fields, "d"), "");
}

TEST_F(JsonReaderTest, UserIdsCanBeUnsigned64BitIntegers) {
  EXPECT_EQ(Fields(R"({"u":18446744073709551615})").User("u"), "18446744073709551615");
  EXPECT_EQ(Fields(R"({"u":9007199254740993})").User("u"), "9007199254740993");
  EXPECT_FALSE(Fields(R"({"u":18446744073709551616})").User("u"));
  EXPECT_EQ(Fields(R"({"l":["a",7]})").Users("l", 2), (std::vector<UserId>{"a", "7"}));
  auto fields = Fields(R"({"l":["a",7],"bad":["a b"]})");
  EXPECT_FALSE(fields.Users("l", 1));
  EXPECT_FALSE(fields.Users("bad", 9));
  EXPECT_NE(WrongOf(fields, "l"), "");
  EXPECT_NE(WrongOf(fields, "bad"), "");
}

TEST_F(JsonReaderTest, AFormIsAnObjectWhoseValuesAreTexts) {
  const auto form = reader_.ParseForm({{"one", "a"},
                                       {"list", "a"},
                                       {"list", "b"},
                                       {"number", "7"},
                                       {"yes", "True"},
                                       {"no", "0"},
                                       {"empty", ""},
                                       {"quote\"", "\n"},
                                       {"id", "0190B8A4-7C1E-7ABC-8DEF-0123456789AB"},
                                       {"metadata", "{\"a\": 1.0}"}});
  ASSERT_TRUE(form);
  FieldReader fields(*form);
  using Texts = std::vector<std::string_view>;
  EXPECT_EQ(fields.Text("one"), "a");
  EXPECT_EQ(fields.Texts("one", 9), Texts{"a"});
  EXPECT_EQ(fields.Texts("list", 9), (Texts{"a", "b"}));
  EXPECT_EQ(fields.Text("list"), "b") << "of a repeated scalar the last counts";
  EXPECT_EQ(fields.Users("one", 9), std::vector<UserId>{"a"});
  EXPECT_EQ(fields.User("list"), "b");
  EXPECT_EQ(fields.Integer("number"), 7);
  EXPECT_EQ(fields.Bool("yes"), true);
  EXPECT_EQ(fields.Bool("no"), false);
  EXPECT_EQ(fields.Text("quote\""), "\n");
  EXPECT_TRUE(fields.RequiredId("id"));
  EXPECT_EQ(fields.Metadata("metadata", 99), "{\"a\":1.0}");
  EXPECT_EQ(fields.Text("empty"), "");
  EXPECT_EQ(fields.Integer("empty"), std::nullopt);
  EXPECT_EQ(fields.Bool("empty"), std::nullopt);
  EXPECT_EQ(fields.Id("empty"), std::nullopt);
  EXPECT_FALSE(fields.error());
  EXPECT_FALSE(fields.Integer("one"));
  EXPECT_FALSE(fields.Bool("one"));
  EXPECT_NE(WrongOf(fields, "one"), "");
}

TEST_F(JsonReaderTest, MetadataOfAFormIsJsonText) {
  for (const char* text : {"{", "x", "[1]", "7", "{\"a\":1}}"}) {
    const auto form = reader_.ParseForm({{"metadata", text}});
    ASSERT_TRUE(form) << text;
    FieldReader fields(*form);
    EXPECT_EQ(fields.Metadata("metadata", 99), "{}");
    EXPECT_NE(WrongOf(fields, "metadata"), "") << text;
  }
  EXPECT_FALSE(reader_.ParseForm({{"metadata", "{\"a\":1,\"a\":2}"}}));
  EXPECT_TRUE(reader_.ParseForm({}));
}

}  // namespace
}  // namespace parley

#include "http/body.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/http_request.h"

namespace parley {
namespace {

using test::MakeRequest;

TEST(JsonBodyTest, TheMediaTypeMustBeJsonWithAnyParameters) {
  JsonReader json(32);
  for (const char* type : {"application/json", "Application/JSON", "application/json;charset=utf-8",
                           "application/json ; charset=utf-8"}) {
    EXPECT_TRUE(JsonBody(MakeRequest("POST", "/", {{"Content-Type", type}}, "{}"), json)) << type;
  }
  for (const char* type :
       {"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded",
        "multipart/form-data", "text/plain; application/json"}) {
    const Request request = MakeRequest("POST", "/", {{"Content-Type", type}}, "{}");
    const auto body = JsonBody(request, json);
    ASSERT_FALSE(body) << type;
    EXPECT_EQ(body.error().code, ErrorCode::unsupported_media_type) << type;
  }
  EXPECT_EQ(JsonBody(MakeRequest("POST", "/", {}, "{}"), json).error().code,
            ErrorCode::unsupported_media_type);
}

TEST(JsonBodyTest, ABodyThatIsNotAnObjectIsBadJson) {
  JsonReader json(32);
  for (const char* text : {"", "[]", "{", "null"}) {
    const Request request = MakeRequest("POST", "/", {{"Content-Type", "application/json"}}, text);
    EXPECT_EQ(JsonBody(request, json).error().code, ErrorCode::bad_json) << text;
  }
}

TEST(IdParamTest, IsAUuidOrNamesTheField) {
  Request request = MakeRequest("GET", "/");
  request.set_params({{"id", "0190b8a4-0000-7000-8000-000000000001"}, {"other", "7"}});
  EXPECT_EQ(IdParam(request, "id")->ToString(), "0190b8a4-0000-7000-8000-000000000001");
  for (const char* name : {"other", "absent"}) {
    const auto id = IdParam(request, name);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, ErrorCode::invalid_field);
    EXPECT_EQ(id.error().fields.at(0).first, name);
  }
}

TEST(NumberQueryTest, IsAWholeNumberBetweenItsBounds) {
  const auto number = [](const std::string& query) {
    return NumberQuery(MakeRequest("GET", "/" + query), "n", 1, 100, 50);
  };
  EXPECT_EQ(number(""), 50);
  EXPECT_EQ(number("?n=1"), 1);
  EXPECT_EQ(number("?n=100"), 100);
  EXPECT_EQ(number("?n=007"), 7);
  EXPECT_EQ(number("?n="), 50);
  EXPECT_EQ(number("?n=2&n=3"), 3);
  for (const char* bad : {"?n=0", "?n=101", "?n=-1", "?n=%2B5", "?n=5x", "?n=5.0", "?n=0x5",
                          "?n=1e1", "?n=+5", "?n=99999999999999999999", "?n=five"}) {
    const auto answer = number(bad);
    ASSERT_FALSE(answer) << bad;
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_field);
    EXPECT_EQ(answer.error().fields.at(0).first, "n");
  }
}

TEST(FlagQueryTest, IsABoolean) {
  const auto flag = [](const std::string& query) {
    return FlagQuery(MakeRequest("GET", "/" + query), "f");
  };
  for (const char* yes : {"?f=1", "?f=true", "?f=True", "?f=TRUE"})
    EXPECT_EQ(flag(yes), true) << yes;
  for (const char* no : {"", "?f=0", "?f=false", "?f=False", "?f=", "?f"})
    EXPECT_EQ(flag(no), false) << no;
  for (const char* bad : {"?f=2", "?f=yes", "?f=truee", "?f=+1"}) {
    ASSERT_FALSE(flag(bad)) << bad;
    EXPECT_EQ(flag(bad).error().code, ErrorCode::invalid_field);
  }
}

class FormTest : public testing::Test {
 protected:
  Result<JsonObject> Read(const std::string& type, const std::string& body) {
    request_ = MakeRequest("POST", "/", {{"Content-Type", type}}, body);
    return JsonOrFormBody(request_, json_);
  }
  Request request_ = MakeRequest("POST", "/");
  JsonReader json_{32};
};

TEST_F(FormTest, UrlEncodedFieldsAreAnObject) {
  const auto form = Read("application/x-www-form-urlencoded; charset=utf-8",
                         "content=a+b%26c&participants=x&participants=y&empty=&metadata=%7B%7D");
  ASSERT_TRUE(form);
  FieldReader fields(*form);
  EXPECT_EQ(fields.Text("content"), "a b&c");
  EXPECT_EQ(fields.Users("participants", 9), (std::vector<UserId>{"x", "y"}));
  EXPECT_EQ(fields.Metadata("metadata", 9), "{}");
  EXPECT_FALSE(fields.error());
  EXPECT_TRUE(Read("application/x-www-form-urlencoded", ""));
}

TEST_F(FormTest, AJsonObjectThatIsDeclaredAsAFormIsOfAnotherType) {
  for (const std::string body : {R"({"content":"a"})", " \n{}", R"({"content":"a=b&c=d"})"}) {
    EXPECT_EQ(Read("application/x-www-form-urlencoded", body).error().code,
              ErrorCode::unsupported_media_type)
        << body;
  }
}

TEST_F(FormTest, MultipartFieldsAreAnObjectAndFilesAreIgnored) {
  const auto form =
      Read("multipart/form-data; boundary=b",
           "--b\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\ntwo\r\nlines\r\n"
           "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\ndata\r\n"
           "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n\r\n--b--\r\n");
  ASSERT_TRUE(form);
  FieldReader fields(*form);
  EXPECT_EQ(fields.Text("content"), "two\r\nlines");
  EXPECT_EQ(fields.Text("n"), "");
  EXPECT_FALSE(fields.Has("file"));
}

TEST_F(FormTest, AMalformedFormIsABadRequest) {
  for (const char* body : {"a=%zz", "a=%ff", "%00=1", "a=b%00"}) {
    EXPECT_EQ(Read("application/x-www-form-urlencoded", body).error().code, ErrorCode::bad_request);
  }
  for (const char* body :
       {"", "--b\r\n", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx",
        "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--b--\r\n"}) {
    EXPECT_EQ(Read("multipart/form-data; boundary=b", body).error().code, ErrorCode::bad_request)
        << body;
  }
  EXPECT_EQ(Read("text/plain", "").error().code, ErrorCode::unsupported_media_type);
  EXPECT_EQ(Read("", "{}").error().code, ErrorCode::unsupported_media_type);
}

}  // namespace
}  // namespace parley

#include "http/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/http_request.h"

namespace parley {
namespace {

using test::MakeRequest;
using test::TryRequest;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(RequestTest, TheTargetIsParsed) {
  const Request request = MakeRequest("GET", "/api/a%20b/?limit=5&q=x+y%2Bz&limit=6&flag&empty=");
  EXPECT_EQ(request.method(), "GET");
  EXPECT_EQ(request.path(), "/api/a%20b");
  EXPECT_THAT(request.segments(), ElementsAre("api", "a b"));
  EXPECT_EQ(request.Query("limit"), "6");
  EXPECT_EQ(request.Query("q"), "x y+z");
  EXPECT_EQ(request.Query("flag"), std::nullopt);
  EXPECT_EQ(request.Query("empty"), std::nullopt);
  EXPECT_EQ(request.Query("other"), std::nullopt);
}

TEST(RequestTest, OneTrailingSlashIsIgnored) {
  EXPECT_EQ(MakeRequest("GET", "/api/").path(), MakeRequest("GET", "/api").path());
  EXPECT_EQ(MakeRequest("GET", "/").path(), "/");
  EXPECT_EQ(MakeRequest("GET", "/?a=1").path(), "/");
}

TEST(RequestTest, APlusInAPathIsLiteral) { EXPECT_EQ(MakeRequest("GET", "/a+b").path(), "/a+b"); }

TEST(RequestTest, AnInvalidPathIsRejected) {
  for (const char* target :
       {"", "*", "a", "http://", "http:///a", "ftp://example.com/", "example.com:443", "/%", "/%2",
        "/%zz", "/a?b=%0", "/a?%g0=1", "/a?b=%00", "/a?b=%ff", "/a?%c0%80=1", "/a?b=%ed%a0%80"}) {
    const auto request = TryRequest("GET", target);
    ASSERT_FALSE(request) << target;
    EXPECT_EQ(request.error().code, ErrorCode::bad_request) << target;
  }
}

TEST(RequestTest, AnEncodedSlashIsNotASeparator) {
  EXPECT_THAT(MakeRequest("GET", "/a%2Fb/c%2f").segments(), ElementsAre("a/b", "c/"));
  EXPECT_THAT(MakeRequest("GET", "/a//b//").segments(), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(MakeRequest("GET", "/").segments(), IsEmpty());
}

TEST(RequestTest, ASegmentThatIsNotUtf8MatchesNoRoute) {
  for (const char* target : {"/a/%ff", "/a/%00", "/a/x%00y", "/a/%c0%af", "/a/%ed%a0%80"}) {
    EXPECT_THAT(MakeRequest("GET", target).segments(), ElementsAre("a", "")) << target;
  }
}

TEST(RequestTest, AnAbsoluteFormTargetIsParsed) {
  const Request request = MakeRequest("GET", "HTTP://example.com:81/a/b/?c=d");
  EXPECT_EQ(request.authority(), "example.com:81");
  EXPECT_EQ(request.path(), "/a/b");
  EXPECT_EQ(request.Query("c"), "d");
  EXPECT_EQ(MakeRequest("GET", "https://example.com").path(), "/");
  EXPECT_EQ(MakeRequest("GET", "http://example.com?a=1").Query("a"), "1");
  EXPECT_EQ(MakeRequest("GET", "/a").authority(), "");
}

TEST(RequestTest, AHeaderThatIsReadMustBeUtf8) {
  for (const std::string_view name : kReadHeaders) {
    for (const char* value : {"\xff\xfe", "caf\xe9", "\xc0\x80", "\xed\xa0\x80"}) {
      const auto request = TryRequest("GET", "/", {{std::string(name), value}});
      ASSERT_FALSE(request) << name;
      EXPECT_EQ(HttpStatus(request.error().code), 400) << name;
    }
    EXPECT_TRUE(TryRequest("GET", "/", {{std::string(name), "caf\u00e9"}})) << name;
  }
  EXPECT_TRUE(TryRequest("GET", "/", {{"Cookie", "\xff"}, {"User-Agent", "caf\xe9"}}));
}

TEST(RequestTest, HeadersAreFoundInAnyCase) {
  const Request request =
      MakeRequest("GET", "/", {{"Range", "1"}, {"Origin", "a"}, {"origin", "b"}});
  EXPECT_EQ(request.Header("range"), "1");
  EXPECT_EQ(request.HeaderOnce("RANGE"), "1");
  EXPECT_TRUE(request.HasHeader("origin"));
  EXPECT_EQ(request.HeaderOnce("origin"), std::nullopt);
  EXPECT_FALSE(request.HasHeader("host"));
  EXPECT_EQ(request.Header("host"), "");
  EXPECT_EQ(request.HeaderOnce("host"), std::nullopt);
}

TEST(RequestTest, TokensOfAListAreFoundInAnyCase) {
  const Request request =
      MakeRequest("GET", "/", {{"Connection", "keep-alive, UPGRADE"}, {"Upgrade", "websocketx"}});
  EXPECT_TRUE(request.HeaderHasToken("connection", "upgrade"));
  EXPECT_TRUE(request.HeaderHasToken("Connection", "Keep-Alive"));
  EXPECT_FALSE(request.HeaderHasToken("Connection", "keep"));
  EXPECT_FALSE(request.HeaderHasToken("Upgrade", "websocket"));
  EXPECT_FALSE(request.HeaderHasToken("Expect", "x"));
}

// RFC 9110 §5.3: a list may be spread over several lines, and proxies do so.
TEST(RequestTest, AListMayBeSpreadOverSeveralHeaders) {
  const Request request =
      MakeRequest("GET", "/", {{"Connection", "keep-alive"}, {"Connection", "Upgrade"}});
  EXPECT_TRUE(request.HeaderHasToken("Connection", "keep-alive"));
  EXPECT_TRUE(request.HeaderHasToken("Connection", "upgrade"));
}

TEST(RequestTest, ParamsAreThoseOfTheRoute) {
  Request request = MakeRequest("GET", "/a");
  EXPECT_EQ(request.Param("id"), "");
  request.set_params({{"id", "7"}});
  EXPECT_EQ(request.Param("id"), "7");
}

TEST(PercentDecodeTest, DecodesWellFormedEscapesOnly) {
  EXPECT_EQ(PercentDecode("%41%2f%C3%a4", false), "A/\u00e4");
  EXPECT_EQ(PercentDecode("a+b", true), "a b");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  EXPECT_EQ(PercentDecode("", false), "");
  for (const char* text : {"%", "%4", "%4g", "%g4", "a%", "%%41"}) {
    EXPECT_EQ(PercentDecode(text, false), std::nullopt) << text;
  }
}

TEST(PercentEncodeTest, EncodedTextIsDecodedUnchanged) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a|b+c&d=e/\u00e4"), "a%7Cb%2Bc%26d%3De%2F%C3%A4");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(PercentDecode(PercentEncode(all), true), all);
}

}  // namespace
}  // namespace parley

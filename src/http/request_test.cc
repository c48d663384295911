#include "http/request.h"

#include <gtest/gtest.h>

#include "test/support/http_request.h"

namespace parley {
namespace {

using test::MakeRequest;
using test::TryRequest;

TEST(RequestTest, TheTargetIsTakenApart) {
  const Request request = MakeRequest("GET", "/api/a%20b/?limit=5&q=x+y%2Bz&limit=6&flag&empty=");
  EXPECT_EQ(request.method(), "GET");
  EXPECT_EQ(request.path(), "/api/a b");
  EXPECT_EQ(request.Query("limit"), "5");
  EXPECT_EQ(request.Query("q"), "x y+z");
  EXPECT_EQ(request.Query("flag"), "");
  EXPECT_EQ(request.Query("empty"), "");
  EXPECT_EQ(request.Query("other"), std::nullopt);
}

TEST(RequestTest, OneTrailingSlashMakesNoDifference) {
  EXPECT_EQ(MakeRequest("GET", "/api/").path(), MakeRequest("GET", "/api").path());
  EXPECT_EQ(MakeRequest("GET", "/").path(), "/");
  EXPECT_EQ(MakeRequest("GET", "/?a=1").path(), "/");
}

TEST(RequestTest, APlusInAPathIsAPlus) { EXPECT_EQ(MakeRequest("GET", "/a+b").path(), "/a+b"); }

TEST(RequestTest, WhatIsNoPathIsRefused) {
  for (const char* target : {"", "*", "a", "http://example.com/", "example.com:443", "/%", "/%2",
                             "/%zz", "/%00", "/a?b=%0", "/a?%g0=1", "/a?b=%00"}) {
    const auto request = TryRequest("GET", target);
    ASSERT_FALSE(request) << target;
    EXPECT_EQ(request.error().code, ErrorCode::bad_request) << target;
  }
}

TEST(RequestTest, HeadersAreFoundInAnyCase) {
  const Request request = MakeRequest("GET", "/", {{"X-One", "1"}, {"Two", "a"}, {"two", "b"}});
  EXPECT_EQ(request.Header("x-one"), "1");
  EXPECT_EQ(request.HeaderOnce("X-ONE"), "1");
  EXPECT_TRUE(request.HasHeader("two"));
  EXPECT_EQ(request.HeaderOnce("two"), std::nullopt);
  EXPECT_FALSE(request.HasHeader("three"));
  EXPECT_EQ(request.Header("three"), "");
  EXPECT_EQ(request.HeaderOnce("three"), std::nullopt);
}

TEST(RequestTest, TokensOfAListAreFoundInAnyCase) {
  const Request request =
      MakeRequest("GET", "/", {{"Connection", "keep-alive, UPGRADE"}, {"Upgrade", "websocketx"}});
  EXPECT_TRUE(request.HeaderHasToken("connection", "upgrade"));
  EXPECT_TRUE(request.HeaderHasToken("Connection", "Keep-Alive"));
  EXPECT_FALSE(request.HeaderHasToken("Connection", "keep"));
  EXPECT_FALSE(request.HeaderHasToken("Upgrade", "websocket"));
  EXPECT_FALSE(request.HeaderHasToken("Absent", "x"));
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

TEST(PercentDecodeTest, DecodesWhatIsWellFormed) {
  EXPECT_EQ(PercentDecode("%41%2f%C3%a4", false), "A/\u00e4");
  EXPECT_EQ(PercentDecode("a+b", true), "a b");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  EXPECT_EQ(PercentDecode("", false), "");
  for (const char* text : {"%", "%4", "%4g", "%g4", "a%", "%00", "%%41"}) {
    EXPECT_EQ(PercentDecode(text, false), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace parley

#include "http/access_log.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(LoggedPath, HasNoQueryAndCannotForgeFields) {
  EXPECT_EQ(LoggedPath("/api/messaging/?token=secret"), "/api/messaging/");
  EXPECT_EQ(LoggedPath("/a#token=secret"), "/a");
  EXPECT_EQ(LoggedPath("/a%20status=200"), "/a%20status%3D200");
  EXPECT_EQ(LoggedPath("/\x1b[31m\xff\"\\ x"), "/%1B[31m%FF%22%5C%20x");
  EXPECT_EQ(LoggedPath("/a//b/"), "/a//b/");
  EXPECT_EQ(LoggedPath("*"), "*");
  EXPECT_EQ(LoggedPath("/api/eyJhbGci.eyJ1c2Vy.c2lnbmF0/x"), "/api/***/x");
  EXPECT_EQ(LoggedPath("/eyJ.a/x"), "/eyJ.a/x");
  EXPECT_LE(LoggedPath(std::string(100'000, 'x')).size(), 2'048u);
}

TEST(RequestId, IsAcceptedIfSafeAndGeneratedOtherwise) {
  EXPECT_EQ(RequestIdFrom("a.B-9_"), "a.B-9_");
  EXPECT_EQ(RequestIdFrom(std::string(64, 'x')), std::string(64, 'x'));
  for (const char* bad : {"", "a b", "a=b", "\xff", "x\x01", "a\"b", "a/b"}) {
    EXPECT_NE(RequestIdFrom(bad), bad);
    EXPECT_EQ(RequestIdFrom(bad).size(), 32u);
  }
  EXPECT_EQ(RequestIdFrom(std::string(65, 'x')).size(), 32u);
  EXPECT_NE(RequestIdFrom(std::nullopt), RequestIdFrom(std::nullopt));
}

}  // namespace
}  // namespace parley

#include "app/doctor/target.h"

#include <gtest/gtest.h>

namespace parley::doctor {
namespace {

TEST(DoctorTarget, AUrlHasADefaultPortAndLosesItsLastSlash) {
  const auto target = ParseTarget("https://chat.example/base/");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->url, "https://chat.example/base");
  EXPECT_EQ(target->host, "chat.example");
  EXPECT_EQ(target->port, 443);
  EXPECT_TRUE(target->tls);
}

TEST(DoctorTarget, AnIPv6AddressHasNoBrackets) {
  const auto target = ParseTarget("http://[::1]:8000");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "::1");
  EXPECT_EQ(target->port, 8000);
}

TEST(DoctorTarget, OtherSchemesCredentialsAndQueriesAreRefused) {
  for (const char* url : {"ftp://x", "ws://x", "http://u@x", "http://u:p@x", "http://x/?token=1",
                          "http://x/#y", "x y", ""}) {
    EXPECT_FALSE(ParseTarget(url)) << url;
  }
}

}  // namespace
}  // namespace parley::doctor

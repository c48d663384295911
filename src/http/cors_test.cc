#include "http/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CorsPolicy, ReflectsListedOriginsOnly) {
  const CorsPolicy policy({.allowed_origins = {"https://app.example.com", "http://b.example:81"}});
  for (const char* good :
       {"https://app.example.com", "https://APP.example.com:443", "http://b.example:81"}) {
    const std::string lines = policy.Headers(good, "api.example.com");
    EXPECT_THAT(lines, HasSubstr(std::string("Access-Control-Allow-Origin: ") + good + "\r\n"));
    EXPECT_THAT(lines, HasSubstr("Vary: Origin\r\n"));
    EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Credentials: true\r\n"));
    EXPECT_THAT(lines, HasSubstr("Access-Control-Expose-Headers: Link, Retry-After, RateLimit, "
                                 "RateLimit-Policy, ETag\r\n"));
  }
  for (const char* bad :
       {"http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil",
        "https://evil.example", "null", "", "https://app.example.com/", "http://localhost:3000",
        "https://api.example.com", "http://b.example", "*"}) {
    EXPECT_EQ(policy.Headers(bad, "api.example.com"), "Vary: Origin\r\n") << bad;
  }
  EXPECT_EQ(policy.Headers(std::nullopt, "api.example.com"), "Vary: Origin\r\n");
}

TEST(CorsPolicy, AWildcardAllowsNoCredentials) {
  const CorsPolicy policy({.allowed_origins = {"*"}});
  const std::string lines = policy.Headers("https://evil.example", "api.example.com");
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Origin: *\r\n"));
  EXPECT_THAT(lines, Not(HasSubstr("Credentials")));
  EXPECT_THAT(lines, Not(HasSubstr("evil")));
}

TEST(CorsPolicy, IsOffWithoutAList) {
  EXPECT_EQ(CorsPolicy({}).Headers("https://a.example", "a.example"), "");
  EXPECT_FALSE(CorsPolicy({}).Allows("https://a.example", "a.example"));
}

TEST(CorsPolicy, DevelopmentAllowsLocalOriginsAndItsOwn) {
  const CorsPolicy policy({.local_origins = true});
  for (const char* good : {"http://localhost:3000", "http://localhost", "http://127.0.0.1:5173",
                           "http://192.168.1.2:8000"}) {
    EXPECT_TRUE(policy.Allows(good, "192.168.1.2:8000")) << good;
  }
  for (const char* bad : {"http://localhost.evil.example", "http://localhost:80x",
                          "http://localhost:", "http://192.168.1.3:8000", "null",
                          "https://evil.example", "http://localhost:1234567"}) {
    EXPECT_FALSE(policy.Allows(bad, "192.168.1.2:8000")) << bad;
  }
}

}  // namespace
}  // namespace parley

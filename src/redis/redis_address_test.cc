#include "redis/redis_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

using testing::HasSubstr;

RedisAddress Good(std::string_view url) {
  const auto parsed = ParseRedisUrl(url);
  EXPECT_TRUE(parsed) << url << ": " << parsed.error();
  return parsed.value_or(RedisAddress{.endpoints = {{}}});
}

std::string WhatIsWrong(std::string_view url) {
  const auto parsed = ParseRedisUrl(url);
  return parsed ? "" : parsed.error();
}

TEST(RedisAddressTest, AUrlMayHaveOnlyAHost) {
  const RedisAddress address = Good("redis://cache");
  EXPECT_EQ(address.endpoints.at(0).ToString(), "cache:6379");
  EXPECT_EQ(address.database, 0);
  EXPECT_FALSE(address.tls);
  EXPECT_TRUE(address.user.empty() && address.password.empty() && address.master.empty());
}

TEST(RedisAddressTest, PasswordPortAndDatabaseAreParsed) {
  const RedisAddress address = Good("redis://:s%40cr%2Fet@10.0.0.2:6380/3");
  EXPECT_EQ(address.endpoints.at(0).ToString(), "10.0.0.2:6380");
  EXPECT_EQ(address.password, "s@cr/et");
  EXPECT_EQ(address.user, "");
  EXPECT_EQ(address.database, 3);
}

TEST(RedisAddressTest, TlsIsVerifiedByDefault) {
  const RedisAddress address = Good("rediss://ann:pw@redis:6379?ssl_ca_certs=/etc/ca.pem");
  EXPECT_TRUE(address.tls);
  EXPECT_TRUE(address.verify);
  EXPECT_EQ(address.ca_file, "/etc/ca.pem");
  EXPECT_EQ(address.user, "ann");
  EXPECT_FALSE(Good("rediss://redis?ssl_cert_reqs=none").verify);
}

TEST(RedisAddressTest, AUnixSocketUrlHasAPath) {
  const RedisAddress address = Good("unix://:pw@/run/redis.sock?db=2");
  EXPECT_TRUE(address.endpoints.at(0).unix_socket);
  EXPECT_EQ(address.endpoints.at(0).host, "/run/redis.sock");
  EXPECT_EQ(address.database, 2);
  EXPECT_EQ(address.password, "pw");
}

// Proves: nodes over Redis
TEST(RedisAddressTest, ASentinelUrlHasSeveralHostsAndAMaster) {
  const RedisAddress address =
      Good("redis+sentinel://:pw@one,two:26380,[::1]:26381/mymaster/1?sentinel_password=sp");
  ASSERT_EQ(address.endpoints.size(), 3u);
  EXPECT_EQ(address.endpoints[0].ToString(), "one:26379");
  EXPECT_EQ(address.endpoints[1].ToString(), "two:26380");
  EXPECT_EQ(address.endpoints[2].host, "::1");
  EXPECT_EQ(address.master, "mymaster");
  EXPECT_EQ(address.database, 1);
  EXPECT_EQ(address.sentinel_password, "sp");
  EXPECT_TRUE(Good("rediss+sentinel://one/m").tls);
}

TEST(RedisAddressTest, ErrorsNameTheInvalidPart) {
  EXPECT_THAT(WhatIsWrong("localhost:6379"), HasSubstr("begin with redis://"));
  EXPECT_THAT(WhatIsWrong("http://localhost"), HasSubstr("begin with redis://"));
  EXPECT_THAT(WhatIsWrong("redis://"), HasSubstr("no host"));
  EXPECT_THAT(WhatIsWrong("redis://host:0"), HasSubstr("port"));
  EXPECT_THAT(WhatIsWrong("redis://host:70000"), HasSubstr("port"));
  EXPECT_THAT(WhatIsWrong("redis://host:12x"), HasSubstr("port"));
  EXPECT_THAT(WhatIsWrong("redis://host/one"), HasSubstr("database"));
  EXPECT_THAT(WhatIsWrong("redis://host/-1"), HasSubstr("database"));
  EXPECT_THAT(WhatIsWrong("redis://one,two"), HasSubstr("several hosts"));
  EXPECT_THAT(WhatIsWrong("redis://:p%4@host"), HasSubstr("%"));
  EXPECT_THAT(WhatIsWrong("redis://:p%@host"), HasSubstr("%"));
  EXPECT_THAT(WhatIsWrong("unix://run/redis.sock"), HasSubstr("absolute socket path"));
  EXPECT_THAT(WhatIsWrong("redis+sentinel://one,two"), HasSubstr("no master name"));
  EXPECT_THAT(WhatIsWrong("redis://host?colour=red"), HasSubstr("colour"));
}

}  // namespace
}  // namespace parley

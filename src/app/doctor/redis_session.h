// A connection to Redis with blocking calls, for the probes. Errors: RedisFailure.
#pragma once
#include <boost/asio/io_context.hpp>

#include "redis/redis_connection.h"

namespace parley::doctor {

class RedisSession {
 public:
  // Connects and logs in.
  RedisSession(const RedisAddress& address, RedisConnection::Wait within);
  RedisReply Call(const std::vector<std::string_view>& words);
  std::string Text(const std::vector<std::string_view>& words);
  // Waits for the next message of a subscription; null after the time.
  RedisReply Next(RedisConnection::Wait within);

 private:
  boost::asio::io_context io_;
  RedisConnection connection_;
  const RedisConnection::Wait within_;
};

// A Redis that the configuration names.
struct NamedRedis {
  std::string option;  // "redis.url"
  RedisAddress address;
};

}  // namespace parley::doctor

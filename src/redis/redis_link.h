// A connection to Redis that is opened again for as long as it is wanted: after 0.1 s at first, 2 s
// at most, with jitter, so that nodes do not come back in step. One io_context's thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <random>

#include "redis/redis_connection.h"

namespace parley {

class RedisLink {
 public:
  using Connection = std::shared_ptr<RedisConnection>;
  // Uses the connection until RedisFailure ends it.
  using Work = std::function<boost::asio::awaitable<void>(Connection)>;

  // `name` is what logs call it.
  RedisLink(boost::asio::io_context& io, RedisAddress address, std::string name);
  // Ends after Stop.
  boost::asio::awaitable<void> Run(Work work);
  void Stop();

 private:
  boost::asio::io_context& io_;
  const RedisAddress address_;
  const std::string name_;
  std::minstd_rand random_{std::random_device{}()};
  boost::asio::steady_timer pause_;
  Connection connection_;
  bool stopping_ = false;
};

}  // namespace parley

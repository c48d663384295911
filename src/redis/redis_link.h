// A connection to Redis that is opened again for as long as it is wanted: after 0.1 s at first, 2 s
// at most, with jitter, so that nodes do not come back in step. One io_context's thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <random>

#include "base/metrics.h"
#include "redis/redis_connection.h"

namespace parley {

class RedisLink {
 public:
  using Connection = std::shared_ptr<RedisConnection>;
  // Uses the connection until an exception ends it; any one does.
  using Work = std::function<boost::asio::awaitable<void>(Connection)>;

  // `name` is for the log. `failures` counts what ends a connection besides RedisFailure.
  RedisLink(boost::asio::io_context& io, RedisAddress address, std::string name, Counter& failures);
  // Ends after Stop, and not before, whatever fails meanwhile.
  boost::asio::awaitable<void> Run(Work work);
  void Stop();
  // The work ends, and begins anew on another connection.
  void Reconnect();

 private:
  void Complain(const char* what, bool expected);

  boost::asio::io_context& io_;
  const RedisAddress address_;
  const std::string name_;
  Counter& failures_;
  std::minstd_rand random_{std::random_device{}()};
  boost::asio::steady_timer pause_;
  Connection connection_;
  bool stopping_ = false;
  // Since a connection was last opened:
  bool complained_ = false, complained_of_unexpected_ = false;
};

}  // namespace parley

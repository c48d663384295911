// A Redis connection that reconnects until it is stopped: after 0.1 s at first, at most 2 s, with jitter,
// so that nodes do not reconnect in step. Threads: the thread of one io_context.
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
  // Uses the connection until any exception ends it.
  using Work = std::function<boost::asio::awaitable<void>(Connection)>;

  // `name` is for the log. `failures` counts exceptions other than RedisFailure that end a connection.
  RedisLink(boost::asio::io_context& io, RedisAddress address, std::string name, Counter& failures);
  // Runs until Stop, regardless of failures.
  boost::asio::awaitable<void> Run(Work work);
  void Stop();
  // Ends the work and restarts it on a new connection.
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
  // Since the last connect:
  bool complained_ = false, complained_of_unexpected_ = false;
};

}  // namespace parley

// Publishes this node's messages on one pipelined connection: messages that gathered while the previous
// batch was processed go out in one write. The queue is bounded; messages that do not fit, and those in
// flight when the connection fails, are dropped and counted. Threads: Publish from any, the rest on the
// thread of one io_context.
#pragma once

#include "base/mutex.h"
#include "bus/bus.h"
#include "redis/redis_link.h"

namespace parley {

class RedisPublisher {
 public:
  static constexpr size_t kQueueBytes = 16 * 1024 * 1024;

  RedisPublisher(boost::asio::io_context& io, const RedisAddress& address, BusCounters& counters,
                 std::function<void(bool up)> on_connection, std::function<void()> on_replica);

  void Publish(std::string_view channel, std::string_view bytes);
  boost::asio::awaitable<void> Run();
  void Stop();
  // Checks the connection now, because Redis may be unreachable.
  void Probe();

 private:
  struct Batch {
    std::string commands;
    size_t count = 0;
  };

  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  boost::asio::awaitable<void> PublishAll(RedisConnection& connection, size_t& under_way);
  boost::asio::awaitable<void> AskAboutRedis(RedisConnection& connection);
  Batch Take();
  void DropQueued();

  boost::asio::io_context& io_;
  BusCounters& counters_;
  const std::function<void(bool up)> on_connection_;
  const std::function<void()> on_replica_;  // called if the server has become a replica
  RedisLink link_;
  boost::asio::steady_timer sleeper_;
  std::chrono::steady_clock::time_point next_ask_ = {};
  bool probe_ = false;

  Mutex mutex_;
  Batch queued_ GUARDED_BY(mutex_);
  bool connected_ GUARDED_BY(mutex_) = false;
  bool asleep_ GUARDED_BY(mutex_) = false;
};

}  // namespace parley

// What this node publishes, on one pipelined connection: whatever has gathered while the last lot
// was answered goes out in one write. Bounded; what does not fit, and what was under way when the
// connection failed, is dropped and counted. Publish from any thread, the rest on one io_context's.
#pragma once
#include <mutex>

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
  // There is reason to think that Redis is gone: ask it now.
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
  const std::function<void()> on_replica_;  // the server has become one
  RedisLink link_;
  boost::asio::steady_timer sleeper_;
  std::chrono::steady_clock::time_point next_ask_ = {};
  bool probe_ = false;

  std::mutex mutex_;
  Batch queued_;            // guarded by mutex_
  bool connected_ = false;  // guarded by mutex_
  bool asleep_ = false;     // guarded by mutex_
};

}  // namespace parley

// Reads a node's inbox on one Redis of the core layer: pops messages as long as there are any, then
// blocks until the next one. Threads: that of one io_context.
#pragma once
#include "django/channel_layer.h"
#include "redis/redis_link.h"

namespace parley::django {

class CoreInbox {
 public:
  using OnBytes = std::function<void(std::string_view bytes)>;

  // `congested`: while it returns true, messages stay in Redis.
  CoreInbox(boost::asio::io_context& io, const RedisAddress& address, std::string key,
            LayerCounters& counters, OnBytes on_bytes, std::function<bool()> congested);
  boost::asio::awaitable<void> Run();
  void Stop() { link_.Stop(); }
  void Reconnect() { link_.Reconnect(); }

 private:
  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  size_t Deliver(std::span<redisReply* const> pairs);

  boost::asio::io_context& io_;
  const std::string key_;
  LayerCounters& counters_;
  const OnBytes on_bytes_;
  const std::function<bool()> congested_;
  RedisLink link_;
};

}  // namespace parley::django

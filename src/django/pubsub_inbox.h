// A connection that is subscribed to Redis channels. After a failure it reconnects and subscribes again;
// messages published meanwhile are lost. Threads: that of one io_context.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "django/channel_layer.h"
#include "redis/redis_writer.h"

namespace parley::django {

class PubSubInbox {
 public:
  using OnBytes = std::function<void(std::string_view channel, std::string_view bytes)>;

  // `congested`: while it returns true, nothing is read. Redis closes a connection that then uses too
  // much memory.
  PubSubInbox(boost::asio::io_context& io, const RedisAddress& address, LayerCounters& counters,
              OnBytes on_bytes, std::function<bool()> congested);
  void Subscribe(const std::string& channel);
  void Unsubscribe(const std::string& channel);
  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  boost::asio::awaitable<void> ReadAll(RedisConnection& connection);
  void Take(const redisReply& reply);
  void Want(const std::string& channel, bool subscribe);

  boost::asio::io_context& io_;
  LayerCounters& counters_;
  const OnBytes on_bytes_;
  const std::function<bool()> congested_;
  RedisLink link_;
  std::set<std::string> subscribed_;
  std::map<std::string, bool> pending_;  // true: to subscribe
  std::shared_ptr<RedisWriter> writer_;  // for the current connection
  bool was_up_ = false;
};

}  // namespace parley::django

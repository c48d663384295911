// Receives messages of other nodes: one connection that is subscribed to the channels of conversations
// with local subscribers, and to the channel of all nodes. After a failure it reconnects and subscribes
// again, and all conversations count as just followed. Threads: Follow and Leave from any, the rest on
// the thread of one io_context.
#pragma once
#include <unordered_map>
#include <unordered_set>

#include "base/mutex.h"
#include "bus/bus.h"
#include "redis/redis_writer.h"

namespace parley {

class RedisSubscriber {
 public:
  RedisSubscriber(boost::asio::io_context& io, const RedisAddress& address, BusCounters& counters,
                  std::function<void(bool up)> on_connection);

  void Start(BusReceiver& receiver) { receiver_ = &receiver; }
  void Want(const Uuid& conversation, bool follow);
  boost::asio::awaitable<void> Run();
  void Stop();
  // Replaces the current connection.
  void Reconnect() { link_.Reconnect(); }

 private:
  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  boost::asio::awaitable<void> ReadAll(RedisConnection& connection, bool& up);
  boost::asio::awaitable<void> WaitForRoom(RedisConnection& connection);
  void TakeRequests();
  // The next command for pending channels; empty if none is pending.
  std::string NextCommand();
  struct Received {
    std::vector<BusDelivery> deliveries;
    std::vector<Uuid> followed;
    bool subscribed = false;  // subscribed to the channel of all nodes
  };
  static bool Sort(const redisReply& reply, Received& received);

  boost::asio::io_context& io_;
  BusCounters& counters_;
  const std::function<void(bool up)> on_connection_;
  RedisLink link_;
  BusReceiver* receiver_ = nullptr;
  std::unordered_set<Uuid> followed_;
  std::unordered_map<Uuid, bool> unsent_;  // pending: true to follow, false to leave
  std::shared_ptr<RedisWriter> writer_;    // for the current connection

  Mutex mutex_;
  std::vector<std::pair<Uuid, bool>> requests_ GUARDED_BY(mutex_);
};

}  // namespace parley

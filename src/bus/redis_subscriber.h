// What this node hears: one connection that is subscribed to the channels of conversations with
// listeners here, and to that of all nodes. One that fails is opened again and subscribed anew, and
// then everything counts as just followed. Follow and Leave from any thread, the rest on one
// io_context's.
#pragma once
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "bus/bus.h"
#include "redis/redis_link.h"

namespace parley {

class RedisSubscriber {
 public:
  RedisSubscriber(boost::asio::io_context& io, const RedisAddress& address, BusCounters& counters,
                  std::function<void(bool up)> on_connection);

  void Start(BusReceiver& receiver) { receiver_ = &receiver; }
  void Want(const Uuid& conversation, bool follow);
  boost::asio::awaitable<void> Run();
  void Stop();
  // Opens another connection in place of the one at hand.
  void Reconnect() { link_.Reconnect(); }

 private:
  struct Writer;

  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  boost::asio::awaitable<void> ReadAll(RedisConnection& connection, bool& up);
  boost::asio::awaitable<void> WaitForRoom(RedisConnection& connection);
  boost::asio::awaitable<void> Write(std::shared_ptr<Writer> writer);
  void TakeWishes();
  // A command for as many channels as one may name; empty: there is nothing to say.
  std::string NextCommand();
  struct Heard {
    std::vector<BusDelivery> deliveries;
    std::vector<Uuid> followed;
    bool subscribed = false;  // to the channel of all nodes
  };
  static bool Sort(const redisReply& reply, Heard& heard);

  boost::asio::io_context& io_;
  BusCounters& counters_;
  const std::function<void(bool up)> on_connection_;
  RedisLink link_;
  BusReceiver* receiver_ = nullptr;
  std::unordered_set<Uuid> followed_;
  std::unordered_map<Uuid, bool> unsaid_;  // to follow, or to leave
  std::shared_ptr<Writer> writer_;         // of the connection at hand

  std::mutex mutex_;
  std::vector<std::pair<Uuid, bool>> wishes_;  // guarded by mutex_
};

}  // namespace parley

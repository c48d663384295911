// The bus over Redis Pub/Sub: one channel per conversation with subscribers, and one for all nodes; one
// connection to publish and one to subscribe. Messages published without a connection are dropped and
// counted. Threads: runs its own thread.
#pragma once
#include <thread>

#include "bus/redis_publisher.h"
#include "bus/redis_subscriber.h"

namespace parley {

class RedisBus final : public Bus {
 public:
  RedisBus(const RedisAddress& address, BusCounters& counters);
  ~RedisBus() override;

  void Start(BusReceiver& receiver) override;
  void Stop() override;
  void Publish(const std::optional<Uuid>& conversation, std::string_view bytes) override;
  void Follow(const Uuid& conversation) override { subscriber_.Want(conversation, true); }
  void Leave(const Uuid& conversation) override { subscriber_.Want(conversation, false); }
  bool up() const override { return up_; }

 private:
  void OnConnection(bool& side, bool up);

  BusCounters& counters_;
  BusReceiver* receiver_ = nullptr;
  boost::asio::io_context io_{1};
  bool out_up_ = false, in_up_ = false;  // bus thread only
  bool was_up_ = false;                  // bus thread only
  std::atomic<bool> up_{false};
  RedisPublisher publisher_;
  RedisSubscriber subscriber_;
  std::thread thread_;
};

}  // namespace parley

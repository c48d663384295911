#include "bus/redis_bus.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "bus/channels.h"
#include "redis/io_loop.h"

namespace parley {

RedisBus::RedisBus(const RedisAddress& address, BusCounters& counters)
    : counters_(counters),
      publisher_(
          io_, address, counters, [this](bool up) { OnConnection(out_up_, up); },
          [this] { subscriber_.Reconnect(); }),
      subscriber_(io_, address, counters, [this](bool up) { OnConnection(in_up_, up); }) {
  counters_.configured = true;
}

RedisBus::~RedisBus() { Stop(); }

void RedisBus::Start(BusReceiver& receiver) {
  receiver_ = &receiver;
  subscriber_.Start(receiver);
  boost::asio::co_spawn(io_, publisher_.Run(), boost::asio::detached);
  boost::asio::co_spawn(io_, subscriber_.Run(), boost::asio::detached);
  // The links restart by themselves. Messages that are lost are read from the store, like all lost
  // messages.
  thread_ = std::thread(
      [this] { RunThroughFailures(io_, counters_.failures, "bus failed, restarting"); });
}

void RedisBus::Stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] {
    publisher_.Stop();
    subscriber_.Stop();
  });
  thread_.join();
}

void RedisBus::Publish(const std::optional<Uuid>& conversation, std::string_view bytes) {
  if (conversation) {
    publisher_.Publish(ChannelOf(*conversation), bytes);
  } else {
    publisher_.Publish(kNodesChannel, bytes);
  }
}

void RedisBus::OnConnection(bool& side, bool up) {
  side = up;
  if (&side == &in_up_ && !up) publisher_.Probe();
  const bool both = out_up_ && in_up_;
  if (both == up_) return;
  up_ = both;
  counters_.up = both;
  if (both && std::exchange(was_up_, true)) counters_.reconnects.Add();
  receiver_->OnConnection(both);
}

}  // namespace parley

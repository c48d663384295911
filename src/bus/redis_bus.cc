#include "bus/redis_bus.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "bus/channels.h"

namespace parley {

RedisBus::RedisBus(const RedisAddress& address, BusCounters& counters)
    : counters_(counters),
      publisher_(
          io_, address, counters, [this](bool up) { OnConnection(out_up_, up); },
          [this] { subscriber_.Reconnect(); }),
      subscriber_(io_, address, counters, [this](bool up) { OnConnection(in_up_, up); }) {}

RedisBus::~RedisBus() { Stop(); }

void RedisBus::Start(BusReceiver& receiver) {
  receiver_ = &receiver;
  subscriber_.Start(receiver);
  boost::asio::co_spawn(io_, publisher_.Run(), boost::asio::detached);
  boost::asio::co_spawn(io_, subscriber_.Run(), boost::asio::detached);
  thread_ = std::thread([this] { RunLoop(); });
}

void RedisBus::RunLoop() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& failure) {
      // Handles an unexpected error outside the links, which restart by themselves. Messages that
      // are lost are read from the store, like all lost messages.
      counters_.failures.Add();
      log::error("bus failed, restarting error={}", failure.what());
    }
  }
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
  if (both && std::exchange(was_up_, true)) counters_.reconnects.Add();
  receiver_->OnConnection(both);
}

}  // namespace parley

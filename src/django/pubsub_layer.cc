#include "django/pubsub_layer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include "django/core_layer.h"
#include "redis/io_loop.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr std::string_view kOriginField = "__parley__";

}  // namespace

struct PubSubLayer::Host {
  Host(boost::asio::io_context& io, const RedisAddress& address, PubSubLayer& layer)
      : publisher(io, address,
                  {.name = "channel layer publishing",
                   .queued_bytes = &layer.counters_.queued_bytes,
                   .failures = &layer.counters_.failures,
                   .on_connection = [this, &layer](bool up) { layer.OnConnection(*this, up); }}),
        inbox(
            io, address, layer.counters_,
            [&layer](std::string_view channel, std::string_view bytes) {
              layer.OnBytes(channel, bytes);
            },
            [&layer] { return layer.receiver_->Congested(); }) {}

  RedisPipeline publisher;
  PubSubInbox inbox;
};

PubSubLayer::PubSubLayer(boost::asio::io_context& io, LayerOptions options, const Clock& clock,
                         LayerCounters& counters)
    : io_(io),
      options_(std::move(options)),
      clock_(clock),
      counters_(counters),
      codec_({.serializer = options_.serializer, .keys = options_.encryption_keys}),
      channel_prefix_(PubSubChannel(options_.prefix, "")),
      groups_({.renew_every = std::nullopt}),
      keeper_(io) {
  for (const RedisAddress& address : options_.hosts) {
    hosts_.push_back(std::make_unique<Host>(io_, address, *this));
  }
}

PubSubLayer::~PubSubLayer() = default;

void PubSubLayer::Start(LayerReceiver& receiver) {
  receiver_ = &receiver;
  for (const auto& host : hosts_) {
    boost::asio::co_spawn(io_, host->publisher.Run(), boost::asio::detached);
    boost::asio::co_spawn(io_, host->inbox.Run(), boost::asio::detached);
  }
  boost::asio::co_spawn(io_, Keep(), boost::asio::detached);
}

void PubSubLayer::Join(std::string_view group) {
  groups_.Join(group, clock_.Steady());
  keeper_.cancel();
}

void PubSubLayer::Leave(std::string_view group) {
  groups_.Leave(group, clock_.Steady());
  keeper_.cancel();
}

boost::asio::awaitable<void> PubSubLayer::Keep() {
  while (!stopping_) {
    RunDueActions();
    const Monotonic now = clock_.Steady();
    if (now >= next_ask_) {
      next_ask_ = now + RedisInfoTable::kAskEvery;
      for (const auto& host : hosts_) Ask(*host);
    }
    const Monotonic next = std::min(groups_.next_due().value_or(next_ask_), next_ask_);
    co_await Sleep(keeper_, std::max<Duration>(std::chrono::duration_cast<Duration>(next - now),
                                               milliseconds(10)));
  }
}

void PubSubLayer::OnConnection(Host& host, bool up) {
  up ? Ask(host) : counters_.redis.Remove(host.publisher.server());
}

void PubSubLayer::Ask(Host& host) {
  host.publisher.Submit(RedisCommand({"INFO"}), 1,
                        [this, &host](std::span<const RedisReply> replies) {
                          if (replies.empty() || replies[0]->type != REDIS_REPLY_STRING) return;
                          counters_.redis.Set(host.publisher.server(),
                                              ParseRedisInfo(TextOf(*replies[0])), clock_.Steady());
                        });
}

void PubSubLayer::RunDueActions() {
  while (const auto action = groups_.Next(clock_.Steady())) {
    const std::string channel = channel_prefix_ + action->group;
    PubSubInbox& inbox = hosts_[HostOf(channel, hosts_.size())]->inbox;
    action->join ? inbox.Subscribe(channel) : inbox.Unsubscribe(channel);
  }
  counters_.groups = static_cast<int64_t>(groups_.size());
}

void PubSubLayer::OnBytes(std::string_view channel, std::string_view bytes) {
  std::optional<Value> message = codec_.Decode(bytes, clock_.Now());
  if (message && message->Find(kOriginField) != nullptr) return;
  counters_.received.Add();
  if (!message) return counters_.malformed.Add();
  if (!channel.starts_with(channel_prefix_)) return counters_.unaddressed.Add();
  channel.remove_prefix(channel_prefix_.size());
  if (!groups_.Contains(channel)) return counters_.unaddressed.Add();
  TakeChannels(*message);  // the other layer's field
  receiver_->OnMessage(channel, std::move(*message));
}

// PUBLISH does not say beforehand whether there are members.
void PubSubLayer::Send(std::string_view group, size_t /*held*/, Write write) {
  std::optional<Value> message = write();
  if (!message) return;
  message->Set(kOriginField, Value::String(options_.node));
  const std::string channel = channel_prefix_ + std::string(group);
  const auto on_reply = [this](std::span<const RedisReply> replies) {
    if (replies.empty()) return counters_.disconnected.Add();
    if (replies[0]->type == REDIS_REPLY_INTEGER) counters_.sent.Add();
  };
  switch (hosts_[HostOf(channel, hosts_.size())]->publisher.Submit(
      RedisCommand({"PUBLISH", channel, codec_.Encode(*message, clock_.Now())}), 1, on_reply)) {
    case RedisPipeline::Submitted::kQueued:
      return;
    case RedisPipeline::Submitted::kFull:
      return counters_.queue_full.Add();
    case RedisPipeline::Submitted::kDisconnected:
      return counters_.disconnected.Add();
  }
}

void PubSubLayer::Stop(milliseconds limit, std::function<void()> done) {
  stopping_ = true;
  keeper_.cancel();
  for (const auto& host : hosts_) host->inbox.Stop();
  boost::asio::co_spawn(io_, Finish(clock_.Steady() + limit, std::move(done)),
                        boost::asio::detached);
}

// Publishes what is queued.
boost::asio::awaitable<void> PubSubLayer::Finish(Monotonic deadline, std::function<void()> done) {
  const auto busy = [](const std::unique_ptr<Host>& host) {
    return host->publisher.connected() && !host->publisher.idle();
  };
  co_await PollWhile(
      io_, [&] { return std::ranges::any_of(hosts_, busy) && clock_.Steady() < deadline; });
  for (const auto& host : hosts_) host->publisher.Stop();
  done();
}

std::unique_ptr<ChannelLayer> MakeChannelLayer(boost::asio::io_context& io, LayerOptions options,
                                               const Clock& clock, LayerCounters& counters) {
  if (options.backend == LayerOptions::Backend::kPubSub) {
    return std::make_unique<PubSubLayer>(io, std::move(options), clock, counters);
  }
  return std::make_unique<CoreLayer>(io, std::move(options), clock, counters);
}

}  // namespace parley::django

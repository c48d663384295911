// The layer of channels_redis.pubsub.RedisPubSubChannelLayer: each group is a Redis channel. Nothing is
// stored: a message published while a connection is down is lost.
//
// A node receives what it publishes, and what other nodes publish. The field `__parley__` marks these
// messages; nodes ignore them, since they have their own bus. Threads: that of one io_context.
#pragma once
#include "django/channel_layer.h"
#include "django/group_set.h"
#include "django/pubsub_inbox.h"
#include "django/redis_pipeline.h"

namespace parley::django {

class PubSubLayer final : public ChannelLayer {
 public:
  PubSubLayer(boost::asio::io_context& io, LayerOptions options, const Clock& clock,
              LayerCounters& counters);
  ~PubSubLayer() override;

  void Start(LayerReceiver& receiver) override;
  void Stop(std::chrono::milliseconds limit, std::function<void()> done) override;
  void Join(std::string_view group) override;
  void Leave(std::string_view group) override;
  void Send(std::string_view group, size_t held, Write write) override;

 private:
  struct Host;

  boost::asio::awaitable<void> Keep();
  void RunDueActions();
  void OnConnection(Host& host, bool up);
  // Reads the figures of a server.
  void Ask(Host& host);
  void OnBytes(std::string_view channel, std::string_view bytes);
  boost::asio::awaitable<void> Finish(Monotonic deadline, std::function<void()> done);

  boost::asio::io_context& io_;
  const LayerOptions options_;
  const Clock& clock_;
  LayerCounters& counters_;
  const MessageCodec codec_;
  const std::string channel_prefix_;  // "asgi__group__"
  LayerReceiver* receiver_ = nullptr;
  GroupSet groups_;
  std::vector<std::unique_ptr<Host>> hosts_;
  boost::asio::steady_timer keeper_;
  Monotonic next_ask_ = {};
  bool stopping_ = false;
};

}  // namespace parley::django

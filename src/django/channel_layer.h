// A channel layer: groups of Django and Parley, over Redis. It can lose messages at any time.
//
// Threads: that of one io_context, except the counters. Nothing waits for Redis: a call queues commands,
// or drops and counts what does not fit or has no connection.
#pragma once
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/unique_function.h"
#include "django/message_codec.h"
#include "django/names.h"
#include "redis/redis_address.h"
#include "redis/redis_info.h"

namespace parley::django {

// The same values as in Django's settings, which both sides must agree on.
struct LayerOptions {
  enum class Backend { kCore, kPubSub };
  Backend backend = Backend::kCore;
  std::vector<RedisAddress> hosts;  // in order: their indexes are part of the protocol
  std::string prefix = "asgi";
  Capacities capacities;
  std::chrono::seconds expiry{60};
  std::chrono::seconds group_expiry{86400};
  std::vector<std::string> encryption_keys;
  Serializer serializer = Serializer::kMsgpack;
  size_t random_prefix_length = 12;
  std::string node;  // 32 hexadecimal digits, unique among running nodes
};

// Any thread.
struct LayerCounters {
  Counter sent, received, over_capacity;
  Counter queue_full, too_large, disconnected, clock_skew;  // messages to Django that were dropped
  Counter malformed;    // messages that are not encoded as configured, or break their type's rules
  Counter unaddressed;  // messages for a group that this node is not in
  Counter ignored;      // well-formed messages of types that Parley does not take
  Counter duplicates;   // further copies of a message, by its id
  Counter pauses;       // in reading, while the receiver was congested
  Counter reconnects, failures;
  std::atomic<int64_t> groups{0}, queued_bytes{0}, inbox_messages{0};
  std::atomic<int64_t> skew_micros{0};  // of the Redis clock, at most
  RedisInfoTable redis;
};

class LayerReceiver {
 public:
  virtual ~LayerReceiver() = default;
  // A message that another process sent to a group that this node is in. It is an object.
  virtual void OnMessage(std::string_view group, Value message) = 0;
  // While this returns true, no messages are delivered (back-pressure): they stay in Redis, which
  // bounds them.
  virtual bool Congested() const = 0;
};

class ChannelLayer {
 public:
  virtual ~ChannelLayer() = default;
  virtual void Start(LayerReceiver& receiver) = 0;
  // Leaves all groups and ends the connections, within `limit`. `done` is called at the end; nothing
  // else may be called from then on.
  virtual void Stop(std::chrono::milliseconds limit, std::function<void()> done) = 0;
  // The group's messages are delivered from about now on. Leaving takes effect after some seconds, so
  // that a reconnect of the last client costs nothing.
  virtual void Join(std::string_view group) = 0;
  virtual void Leave(std::string_view group) = 0;
  // Sends to the group's members other than Parley's nodes. `write` is called if there may be any, at most once; it returns
  // an object, or nullopt to send nothing. `held`: the bytes that it holds until then.
  using Write = UniqueFunction<std::optional<Value>()>;
  virtual void Send(std::string_view group, size_t held, Write write) = 0;
};

// `clock` and `counters` outlive the layer.
std::unique_ptr<ChannelLayer> MakeChannelLayer(boost::asio::io_context& io, LayerOptions options,
                                               const Clock& clock, LayerCounters& counters);

}  // namespace parley::django

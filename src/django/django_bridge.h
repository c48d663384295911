// Connects Parley with Django's channel layer: sends this node's events to the groups of their
// conversations, and delivers Django's events upwards. Delivery is at most once in both directions.
//
// Threads: runs its own thread. The methods can be called from any thread and never wait; events that do
// not fit into the queue are dropped and counted.
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/keyed_hash.h"
#include "base/mutex.h"
#include "django/channel_layer.h"
#include "django/from_django.h"
#include "django/recent_ids.h"

namespace parley::django {

// Threads: called on the bridge's thread.
class DjangoReceiver {
 public:
  virtual ~DjangoReceiver() = default;
  // An event for a conversation or a user that is subscribed. A message arrives once per id.
  virtual void OnDjangoEvent(DjangoEvent event) = 0;
  // While this returns true, no events are delivered (back-pressure).
  virtual bool Congested() const = 0;
};

class DjangoBridge final : private LayerReceiver {
 public:
  static constexpr size_t kQueueBytes = 16 * 1024 * 1024;

  struct Options {
    LayerOptions layer;
    std::vector<std::string> application_events;  // types, in either spelling
    std::chrono::milliseconds stop_within{2000};
  };
  // The JSON that sockets receive: {"type", "data", …}. Shared, so that queueing copies nothing.
  using SharedJson = std::shared_ptr<const std::string>;

  // `clock`, `counters` and the receiver outlive the bridge.
  DjangoBridge(Options options, const Clock& clock, LayerCounters& counters);
  ~DjangoBridge() override;
  void Start(DjangoReceiver& receiver);
  // Sends what is queued, leaves all groups and ends the thread.
  void Stop();

  // The conversation or user has subscribers on this node, from now on or no longer.
  void Subscribe(const Uuid& conversation);
  void Unsubscribe(const Uuid& conversation);
  void SubscribeUser(const UserId& user);
  void UnsubscribeUser(const UserId& user);

  // Sends an event of this node to Django, if Django has a type for it. Events of a conversation are
  // sent in the order of the calls.
  void Publish(const Uuid& conversation, SharedJson event);
  void PublishToUser(const UserId& user, SharedJson event);

 private:
  struct Wish {
    std::string group;
    UserId user;  // empty: the group of a conversation
    bool join = false;
  };
  struct Outgoing {
    std::string group;
    SharedJson event;
  };

  void OnMessage(std::string_view group, Value message) override;
  bool Congested() const override { return receiver_->Congested(); }

  void Add(Wish wish);
  void Add(Outgoing outgoing);
  void TakeQueued();
  std::optional<Value> Write(const std::string& json) const;

  const Options options_;
  const AllowedTypes application_;
  const Clock& clock_;
  LayerCounters& counters_;
  DjangoReceiver* receiver_ = nullptr;
  boost::asio::io_context io_{1};
  std::unique_ptr<ChannelLayer> layer_;
  KeyedMap<UserId> users_;  // by group
  RecentIds messages_;
  std::thread thread_;

  Mutex mutex_;
  std::vector<Wish> wishes_ GUARDED_BY(mutex_);
  std::vector<Outgoing> outgoing_ GUARDED_BY(mutex_);
  size_t outgoing_bytes_ GUARDED_BY(mutex_) = 0;
  bool woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace parley::django

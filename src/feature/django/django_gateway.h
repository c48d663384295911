// Connects the hubs with the channel layer: events of this node's clients go to Django, and Django's
// events go to Parley's clients.
//
// A chat message of Django has no seq. If its id is in the store, now or a second later, its event comes
// from the store and the copy is dropped. Otherwise ForeignMessages decides.
//
// Threads: taps on any shard, OnDjangoEvent on the bridge's thread, everything else on the first shard.
#pragma once
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/keyed_hash.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "django/django_bridge.h"
#include "domain/foreign_messages.h"
#include "domain/limits.h"
#include "hub/hub.h"
#include "store/message_store.h"

namespace parley {

struct DjangoCounters {
  Counter relayed, stored, dropped;  // messages of Django that were not in the store
  django::LayerCounters layer;
};

class DjangoGateway final : public EventTap, public FollowSink, private django::DjangoReceiver {
 public:
  // `self`: the first shard. All references outlive the gateway.
  DjangoGateway(Executor& self, MessageStore& store, const Clock& clock, const Limits& limits,
                DjangoCounters& counters, django::DjangoBridge::Options options,
                ForeignMessages foreign);
  ~DjangoGateway() override;

  // Must be called before the shards run.
  void Connect(std::span<const std::unique_ptr<Hub>> hubs);
  void Start() { bridge_.Start(*this); }
  // Sends what is queued and leaves all groups.
  void Stop() { bridge_.Stop(); }
  void OnTick(Monotonic now);

  // EventTap
  void OnEvent(const EventRef& event, const MemberChange& members, uint64_t epoch) override;
  void OnTyping(const TypingUpdate& update) override;
  void OnPresence(const Uuid& conversation, const UserId& user, bool online) override;
  // FollowSink
  void Follow(const Uuid& conversation) override { bridge_.Subscribe(conversation); }
  void Leave(const Uuid& conversation) override { bridge_.Unsubscribe(conversation); }
  void FollowUser(const UserId& user) override;
  void LeaveUser(const UserId& user) override;

 private:
  // A message, edit or deletion whose message may be stored.
  struct Pending {
    django::DjangoEvent event;
    Monotonic check_again;
  };

  void Publish(const EventRef& event);
  void OnDjangoEvent(django::DjangoEvent event) override;
  bool Congested() const override { return Hub::Congested(hubs_); }
  void CheckStored(django::DjangoEvent event, bool again);
  void OnUnknown(django::DjangoEvent event, bool again);
  void Relay(django::DjangoEvent event);
  void Store(const django::ForeignMessage& message);

  Executor& self_;
  MessageStore& store_;
  const Clock& clock_;
  const Limits& limits_;
  DjangoCounters& counters_;
  const ForeignMessages foreign_;
  std::vector<Hub*> hubs_;
  std::deque<Pending> pending_;  // in the order of check_again
  Mutex mutex_;
  KeyedMap<int> user_sockets_ GUARDED_BY(mutex_);  // by user, on all shards
  django::DjangoBridge bridge_;
};

}  // namespace parley

// The hub connects the sessions of a shard with the conversations that they subscribe to. Threads:
// one hub per shard; its calls run on that shard and deliver their results there, regardless of the
// conversation's home shard.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/keyed_hash.h"
#include "domain/access_change.h"
#include "hub/home.h"
#include "hub/node_publisher.h"
#include "hub/online_members.h"
#include "hub/presence.h"
#include "hub/presence_batches.h"
#include "hub/subscription_table.h"
#include "store/hub_store.h"

namespace parley {

// The socket of a user, which follows all of the user's conversations.
class UserSink {
 public:
  virtual ~UserSink() = default;
  virtual void OnJoined(const Joined& joined) = 0;
  virtual bool Follows(const Uuid& conversation) const = 0;
  // A user who shares a conversation with this user came online or went offline. Returns false if
  // the socket is not ready for the event.
  virtual bool OnPresence(const Event& event) = 0;
  // An ephemeral event for the user, without a conversation.
  virtual void OnUserEvent(const Event& event) = 0;
};

class Hub final : private HomeSink, private PresenceSink {
 public:
  Hub(Executor& self, unsigned shard, HubStore& store, HubCounters& counters, HomeOptions options,
      NodePublisher* publisher = nullptr);

  // Connects the hubs of all shards, indexed by shard number. Must be called before the shards run.
  static void Connect(std::span<const std::unique_ptr<Hub>> hubs);

  // --- subscriptions

  // Called with the feed, if it still exists when the result arrives.
  using OnSubscribed = UniqueFunction<void(Feed& feed, Result<Subscription>)>;
  // Subscribes a held feed. On success the caller starts it (Feed::Start or Resume). Errors: as
  // Home::Subscribe.
  void Subscribe(Feed& feed, const UserId& user, bool as_service, OnSubscribed done);
  // The same for several feeds of one user (with Feed::member_at): the conversations of a home are
  // loaded in one read. For a feed that is already subscribed, only access is checked again.
  using OnEachSubscribed = std::function<void(Feed& feed, const Result<Subscription>&)>;
  void SubscribeAll(std::span<Feed* const> feeds, const UserId& user, bool as_service,
                    const OnEachSubscribed& done);
  void Unsubscribe(Feed& feed);
  // Requests a page for the feed; it arrives through Feed::OnPage or OnPageFailed.
  void Fetch(Feed& feed);

  void AddUser(const UserId& user, UserSink& sink);
  void RemoveUser(const UserId& user, UserSink& sink);

  // A connection of the user was opened or closed. Calls must be balanced.
  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  // Which members of a subscribed conversation are online (OnlineMembers::Of).
  const std::vector<bool>& OnlineOf(const Uuid& conversation, const SharedUsers& members) {
    return online_members_.Of(conversation, members);
  }
  // Called ten times per second.
  void OnTick(Monotonic now);

  // --- commands

  // Errors: as ChangeStore::InsertMessage.
  void Send(NewMessage message, Resolve<Result<StoredMessage>> done);
  // Errors: as ChangeStore::Apply. The caller announces users who were added.
  void Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done);
  // Errors: as ChangeStore::DeleteConversation.
  void Delete(const Uuid& conversation, const UserId& actor, bool as_service,
              Resolve<Result<void>> done);
  // Broadcasts an ephemeral event to its audience on every shard, and to the taps.
  void BroadcastEphemeral(EventRef event);
  void SetTyping(TypingUpdate update);
  // Returns an id that is unique on this node. Threads: any call on the hub's shard.
  uint64_t NewSocketId() { return uint64_t{shard_} << 56 | ++socket_ids_; }
  // Informs the users' sockets, on every shard, that the users joined the conversation.
  void Announce(std::vector<UserId> users, const Conversation& joined);
  // Errors: not_found, store_unavailable. Does not check membership.
  void Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done);

  // --- events of other nodes (hub_cluster.cc). Threads: any.

  // Passes events to the homes of their conversations, in the order of the list.
  static void IngestRemote(std::span<Hub* const> hubs, std::vector<RemoteEvent> events);
  static void OnRemoteTyping(std::span<Hub* const> hubs, TypingUpdate update);
  static void OnRemoteJoined(std::span<Hub* const> hubs, std::vector<UserId> users, Joined joined);
  static void OnRemotePresence(std::span<Hub* const> hubs, std::vector<UserId> users, bool shown);
  // Broadcasts an ephemeral event that does not come from a node's bus, for example from Django.
  static void Broadcast(std::span<Hub* const> hubs, EventRef event);
  // Sends an event to the user sockets of Event::user, on every shard.
  static void SendToUser(std::span<Hub* const> hubs, EventRef event);
  // Passes heads read from the store to their homes.
  static void OnChangedHeads(std::span<Hub* const> hubs, std::vector<UserConversationHead> heads);
  // Returns true if the inbox of a shard exceeds its limit (see Executor).
  static bool Congested(std::span<Hub* const> hubs);
  static void RecheckHeads(std::span<Hub* const> hubs);
  // Home::Adopt for each conversation; `done` runs on its home shard.
  static void Adopt(std::span<Hub* const> hubs, std::span<const Uuid> conversations,
                    const std::function<void()>& done);
  static void OnAccessChange(std::span<Hub* const> hubs, const AccessChange& change);

  HubCounters& counters() { return counters_; }
  size_t feed_count() const { return table_.feed_count(); }

 private:
  void Deliver(unsigned shard, std::vector<EventRef> events) override;
  void BroadcastPresence(const UserId& user, bool online, Origin origin,
                         UniqueFunction<void()> done) override;
  void PublishPresence(const UserId& user, bool online) override;
  // Sends the presence of `changed_user` to the user sockets of the other users in the lists, on every shard.
  void SendToUsers(std::vector<SharedUsers> lists, const UserId& changed_user, bool online);
  void SendPresenceTo(std::span<const SharedUsers> lists, const UserId& changed_user, bool online,
                      const Event& event);
  // Sends the user's sockets the presence changes of members of a newly subscribed conversation
  // that the sockets missed.
  void CatchUpPresence(const UserId& user, std::span<const UserId> members);
  struct UserSocket;
  void SendPresence(UserSocket& socket, const UserId& changed_user, bool online,
                    const Event& event);
  void OnEvents(std::span<const EventRef> events);
  void MeasureDelivery(std::span<const EventRef> events);
  // Records the delivery of messages for `parley trace`.
  void Trace(std::span<const EventRef> events);
  void Trace(const Page& page, const Feed& feed);
  // Marks messages as delivered in the store that were sent to a user other than their sender.
  void MarkDelivered(std::span<const EventRef> events);
  void MarkDelivered(const Page& page, Feed& feed);
  void OnAnnounced(std::span<const UserId> users, const Joined& joined);
  // Announces the conversation to user sockets on this shard that do not follow it, if the user is
  // a member according to the store.
  void AnnounceIfMember(const Uuid& conversation, const std::vector<UserId>& users);
  void RetryUnverified(Monotonic now);
  // Ends the subscriptions of the users whom the event removes from the conversation.
  void EndSubscriptions(const Event& event);
  // Rewinds the conversation's feeds: the store no longer has the events after Event::rewind_to.
  void Rewind(const Event& event);
  // Runs `work(home)` on the home shard: immediately if it is this shard, otherwise as a posted
  // task.
  template <class Work>
  void AtHome(const Uuid& conversation, Work work);
  // Wraps `done` so that it runs only if the feed still exists.
  Resolve<Result<Subscription>> SubscriptionReply(const Feed& feed, OnSubscribed done);
  // Wraps `done` so that it runs on this shard, after the events that the home broadcast before the
  // result.
  template <class T>
  Resolve<T> Here(Resolve<T> done);

  Executor& self_;
  HubStore& store_;
  const unsigned shard_;
  HubCounters& counters_;
  const Clock* const clock_;
  NodePublisher* const publisher_;
  const std::vector<FollowSink*> follow_sinks_;
  OnlineUsers* const online_;  // null: no presence
  TraceLog* const trace_;
  Home home_;
  std::optional<Presence> presence_;
  SubscriptionTable table_;
  PresenceBatches presence_batches_;
  OnlineMembers online_members_;
  struct UserSocket {
    UserSink* sink;
    Monotonic since;
    // The last presence received per user while its conversations were being subscribed.
    KeyedMap<bool> presence = {};
  };
  std::unordered_multimap<UserId, UserSocket, KeyedHash, std::equal_to<>> users_;
  // joins that could not be verified because the store was unavailable
  std::vector<std::pair<Uuid, UserId>> unverified_joins_;
  Monotonic next_retry_ = {};
  std::vector<Hub*> hubs_;
  uint64_t socket_ids_ = 0;
};

}  // namespace parley

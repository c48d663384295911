// The hub: everything between a session and the conversations it listens to. One on each shard; its
// calls run on that shard's thread and answer there, wherever the conversation's home is.
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
#include "hub/presence.h"
#include "hub/subscription_table.h"
#include "store/hub_store.h"

namespace parley {

// A socket that follows all conversations of a user.
class UserSink {
 public:
  virtual ~UserSink() = default;
  virtual void OnJoined(const Joined& joined) = 0;
  virtual bool Follows(const Uuid& conversation) const = 0;
  // A user who shares a conversation with this one has come or gone. False: the socket is not ready for it.
  virtual bool OnPresence(const Event& event) = 0;
};

class Hub final : private HomeSink, private PresenceSink {
 public:
  Hub(Executor& self, unsigned shard, HubStore& store, HubCounters& counters, HomeOptions options,
      NodePublisher* publisher = nullptr);

  // Introduces the hubs of all shards to each other, by shard number; before any of them runs.
  static void Connect(std::span<const std::unique_ptr<Hub>> hubs);

  // --- listening

  // Called with the feed if it is still there when the answer comes.
  using OnSubscribed = UniqueFunction<void(Feed& feed, Result<Subscription>)>;
  // Puts a held feed among the listeners; once admitted, the caller starts it (Feed::Go or Resume).
  // Errors: as Home::Subscribe.
  void Subscribe(Feed& feed, const UserId& user, bool as_service, OnSubscribed done);
  // The same of many feeds of one user (with Feed::member_at): what homes must load is loaded
  // together. A feed that is subscribed already is only admitted, again.
  using OnEachSubscribed = std::function<void(Feed& feed, const Result<Subscription>&)>;
  void SubscribeAll(std::span<Feed* const> feeds, const UserId& user, bool as_service,
                    const OnEachSubscribed& done);
  void Unsubscribe(Feed& feed);
  // Feed's way to a page: comes back through Feed::OnPage or OnPageFailed.
  void Fetch(Feed& feed);

  void AddUser(const UserId& user, UserSink& sink);
  void RemoveUser(const UserId& user, UserSink& sink);

  // A connection of the user's is there, is gone; as many of these as of those.
  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  // A few times a second.
  void OnTick(Monotonic now);

  // --- doing

  // Errors: as ChangeStore::InsertMessage.
  void Send(NewMessage message, Resolve<Result<StoredMessage>> done);
  // Errors: as ChangeStore::Apply. The caller announces who was added.
  void Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done);
  // Errors: as ChangeStore::DeleteConversation.
  void Delete(const Uuid& conversation, const UserId& actor, bool as_service,
              Resolve<Result<void>> done);
  // To the conversation's listeners on every shard, unless it is too large for such events.
  void BroadcastEphemeral(EventRef event, bool all_nodes = true);
  void SetTyping(TypingUpdate update);
  // Another for each call, on whichever shard.
  uint64_t NewSocketId() { return uint64_t{shard_} << 56 | ++socket_ids_; }
  // Tells the users' sockets, on every shard, that they are in it now.
  void Announce(std::vector<UserId> users, const Conversation& joined);
  // Errors: not_found, store_unavailable. No membership asked.
  void Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done);

  // --- from other nodes (hub_cluster.cc); any thread

  // To the homes of the conversations: an event of one, in the order of the list.
  static void IngestRemote(std::span<Hub* const> hubs, std::vector<RemoteEvent> events);
  static void OnRemoteTyping(std::span<Hub* const> hubs, TypingUpdate update);
  static void OnRemoteJoined(std::span<Hub* const> hubs, std::vector<UserId> users, Joined joined);
  static void OnRemotePresence(std::span<Hub* const> hubs, std::vector<UserId> users, bool shown);
  // As the store has them now.
  static void OnChangedHeads(std::span<Hub* const> hubs, std::vector<UserConversationHead> heads);
  // The inbox of one of the shards holds more than it should: see Executor.
  static bool Congested(std::span<Hub* const> hubs);
  static void RecheckHeads(std::span<Hub* const> hubs);
  static void OnAccessChange(std::span<Hub* const> hubs, const AccessChange& change);

  HubCounters& counters() { return counters_; }
  size_t feed_count() const { return table_.feed_count(); }

 private:
  void Deliver(unsigned shard, std::vector<EventRef> events) override;
  void BroadcastPresence(const UserId& user, bool online, UniqueFunction<void()> done) override;
  void PublishPresence(const UserId& user, bool online) override;
  // To the user sockets of these users, on every shard: the presence of `subject`.
  void SendToUsers(std::vector<UserId> users, const UserId& changed_user, bool online);
  // A user socket that has just begun to listen to a conversation: members of it who came or went since the
  // socket is there, while nobody here listened.
  void CatchUpPresence(const UserId& user, std::span<const UserId> members);
  struct UserSocket;
  void SendPresence(UserSocket& socket, const UserId& changed_user, bool online,
                    const Event& event);
  void OnEvents(std::span<const EventRef> events);
  void MeasureDelivery(std::span<const EventRef> events);
  // Tells the store which of them somebody else than their sender has been shown here.
  void MarkDelivered(std::span<const EventRef> events);
  void MarkDelivered(const Page& page, Feed& feed);
  void OnAnnounced(std::span<const UserId> users, const Joined& joined);
  // Those of our sockets' users who do not follow it yet, if the store says that they are in it.
  void AnnounceIfMember(const Uuid& conversation, const std::vector<UserId>& users);
  void RetryUnverified(Monotonic now);
  // Ends the listening of those whom the event parts from the conversation.
  void EndSubscriptions(const Event& event);
  // The store went back: tells the listeners what is no longer so.
  void Rewind(const Event& event);
  // Runs `work(home)` on the home shard: now if that is here, else by post.
  template <class Work>
  void AtHome(const Uuid& conversation, Work work);
  // An answer for the feed, if it is still there then.
  Resolve<Result<Subscription>> SubscriptionReply(const Feed& feed, OnSubscribed done);
  // Wraps an answer so that it is given on this shard, behind the events that left home before it.
  template <class T>
  Resolve<T> Here(Resolve<T> done);

  Executor& self_;
  HubStore& store_;
  const unsigned shard_;
  HubCounters& counters_;
  const Clock* const clock_;
  NodePublisher* const publisher_;
  OnlineUsers* const online_;  // null: no presence
  Home home_;
  std::optional<Presence> presence_;
  SubscriptionTable table_;
  struct UserSocket {
    UserSink* sink;
    Monotonic since;
    // What it received of users' presence while its conversations were being subscribed.
    KeyedMap<bool> presence = {};
  };
  std::unordered_multimap<UserId, UserSocket, KeyedHash, std::equal_to<>> users_;
  std::vector<std::pair<Uuid, UserId>> unverified_joins_;  // the store could not say
  Monotonic next_retry_ = {};
  std::vector<Hub*> hubs_;
  uint64_t socket_ids_ = 0;
};

}  // namespace parley

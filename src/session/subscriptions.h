// The subscriptions of one session: its feeds, from the greeting to the removal of the user. A
// conversation socket has one feed; a user socket has one for each conversation of the user.
//
// Threads: one shard.
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "session/context.h"
#include "session/resumes.h"
#include "session/transport.h"

namespace parley {

class SubscriptionsSink {
 public:
  virtual ~SubscriptionsSink() = default;
  // The greeting was sent: commands can run.
  virtual void OnEstablished() = 0;
  virtual void OnUnsubscribed(const Uuid& conversation) = 0;
};

class Subscriptions final : private FeedSink, private UserSink {
 public:
  // `identity`: of the session, which can replace its token but not its user.
  Subscriptions(SessionContext& context, Transport& transport, SessionRequest request,
                const Identity& identity, SubscriptionsSink& sink);
  ~Subscriptions() override;
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  // Subscribes, then sends connection_established.
  void Start();
  bool established() const { return established_; }
  // nullopt for a user socket.
  const std::optional<Uuid>& only_conversation() const { return only_conversation_; }
  bool Has(const Uuid& conversation) const { return feeds_.contains(conversation); }

  // Sets conversations back to the client's positions; sends `resumed` later.
  void Resume(const Ref& ref, const ConversationSeqs& seqs);
  // The outbox has room again.
  void OnDrained();
  // Called about once a second: retries what failed.
  void OnTick();

 private:
  // FeedSink
  SendStatus SendEvent(const Event& event) override { return transport_.Send(event); }
  void SendEphemeral(const Event& event) override { SendOrDrop(event, false); }
  bool SendPresence(std::span<const EventRef> events) override;
  void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) override;
  void Fetch(Feed& feed) override;
  void FetchFailed(Feed& feed) override;
  void Fetched(Feed& feed) override;
  void CaughtUp(Feed& feed) override;
  const UserId& user() const override { return identity_.user; }
  void OnRemoved(Feed& feed, const Event& event) override;
  // UserSink
  void OnJoined(const Joined& joined) override;
  bool Follows(const Uuid& conversation) const override { return Has(conversation); }
  bool OnPresence(const Event& event) override;
  void OnUserEvent(const Event& event) override;

  // Sends an ephemeral event, unless the user is its author; it is dropped if the outbox is busy. Returns true if it
  // was queued. `can_wait`: see Transport::SendGathered.
  bool SendOrDrop(const Event& event, bool can_wait);
  void StartConversation();
  void OnConversation(Feed& feed, const Result<Subscription>& subscription);
  void StartUser();
  static Task<void> LoadUser(std::shared_ptr<Subscriptions*> self);
  void OnUserLoaded(const UserConversations& all, const UserConversations& listed);
  void Establish(std::string_view greeting);
  Greeting MakeGreeting() const;

  Feed* FindFeed(const Uuid& conversation);
  Feed& AddFeed(const Uuid& conversation);
  // Subscribes from the head's seq. `listed`: the conversation is in the user's list, so the user is a
  // member at that seq.
  void Follow(const UserConversationHead& head, bool listed);
  // Subscribes queued feeds in batches, so that they do not delay other sessions.
  void FollowQueued();
  void Subscribe(const std::vector<Feed*>& some);
  // Subscribes the queued feeds among them at once, because live events must arrive before a page is
  // requested.
  void SubscribeNow(const ConversationSeqs& seqs);
  void OnSubscription(Feed& feed, const Result<Subscription>& subscription);
  // Removes the feed of a conversation that the user is not in.
  void Drop(Feed& feed);
  void FetchQueued();
  void AnswerError(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error) {
    transport_.AnswerError(ref, conversation, error);
  }

  // How a user socket subscribes to the conversations of its user.
  struct Following {
    std::shared_ptr<Subscriptions*> self;  // while the user's list is read; null after the end
    std::list<Uuid> queue;
    size_t pending = 0;                // subscriptions in flight
    Duration backoff{0};               // grows while the store is unavailable
    Monotonic next_at = {};            // earliest time of the next subscription
    std::vector<Joined> joined_early;  // joined before connection_established was sent
  };

  SessionContext& context_;
  Transport& transport_;
  const std::optional<Uuid> only_conversation_;
  const Identity& identity_;
  SubscriptionsSink& sink_;
  std::unordered_map<Uuid, Feed> feeds_;
  Resumes resumes_;
  std::unique_ptr<const SessionRequest> request_;  // until connection_established is sent
  std::unique_ptr<Following> following_;           // null for a conversation socket
  std::list<Uuid> fetch_queue_;                    // a list, as an empty deque takes 576 bytes
  std::vector<Uuid> fetch_again_;  // retry at the next tick, because the store was unavailable
  uint32_t fetching_ = 0;          // pages in flight
  bool established_ = false;
  bool holding_events_ = false;  // until the first resume
};

}  // namespace parley

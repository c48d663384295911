// A session: an authenticated socket, its subscriptions, and the commands that it executes. Its transport
// owns it. Commands are implemented in the rows of features; the session handles state, order and
// delivery. Threads: one shard.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "auth/token_verifier.h"
#include "domain/limits.h"
#include "http/held_counts.h"
#include "http/rate_limiter.h"
#include "hub/hub.h"
#include "session/command_table.h"
#include "session/reconnect_delays.h"
#include "session/transport.h"
#include "session/user_cursor.h"

namespace parley {

struct SessionOptions {
  Duration ping_interval = std::chrono::seconds(25);
  Duration ping_timeout = std::chrono::seconds(20);
  Duration authenticate_timeout = std::chrono::seconds(5);
  Duration slow_reader_timeout = std::chrono::seconds(60);
};

// The objects that the sessions of a shard share. Outlives them.
struct SessionContext {
  Hub& hub;
  HeadStore& store;
  Executor& executor;  // the shard
  const Clock& clock;
  const TokenVerifier& verifier;
  RateLimiter& rate_limiter;
  HeldCounts& sockets;  // per user, and per AddressKey
  const OnlineUsers& online;
  CommandTable& commands;
  JsonReader& json;
  const Limits& limits;
  const SessionOptions& options;
  ReconnectDelays reconnect_delays = {};
};

// The parameters of the client's connect.
struct SessionRequest {
  std::optional<Uuid> conversation;  // nullopt: the user socket
  std::optional<std::string> since;  // ?since=, not validated
  bool hold_until_resume = false;    // ?resume=1 on the user socket
  std::optional<UserCursor> cursor;  // ?cursor= on the user socket
};

class Session final : private FeedSink, private UserSink {
 public:
  Session(SessionContext& context, Transport& transport, SessionRequest request, Identity identity);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Subscribes, then sends connection_established. Commands are held meanwhile.
  void Start();

  // --- from the transport
  void OnText(std::string_view text);
  void OnDrained();
  void OnTick();  // called about once a second
  // Returns whether a received ping can be answered; not if it exceeds the rate limit.
  bool TakePing();
  bool idle() const { return in_flight_ == 0; }

  // --- for command rows

  // Errors: token_not_valid; forbidden for another user's token.
  Result<void> Reauthenticate(std::string_view token);
  // Sets conversations back to the client's positions; sends `resumed` later.
  void Resume(const Ref& ref, const ConversationSeqs& seqs);
  void AnswerError(const Ref& ref, const std::optional<Uuid>& conversation, const Error& error);
  // Errors: not_found.
  Result<void> SetTyping(const Uuid& conversation, bool is_typing);
  Feed* FindFeed(const Uuid& conversation);
  const std::optional<Uuid>& only_conversation() const { return request_.conversation; }

 private:
  // FeedSink
  SendStatus SendEvent(const Event& event) override { return transport_.Send(event.frame); }
  void SendEphemeral(const Event& event) override;
  // Sends an ephemeral event, which is dropped if the outbox is busy.
  void SendPassing(const Event& event);
  void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) override;
  void Fetch(Feed& feed) override;
  void FetchFailed(Feed& feed) override;
  void Fetched(Feed& feed) override;
  void CaughtUp(Feed& feed) override;
  const UserId& user() const override { return identity_.user; }
  void OnRemoved(Feed& feed, const Event& event) override;
  // UserSink
  void OnJoined(const Joined& joined) override;
  bool Follows(const Uuid& conversation) const override { return feeds_.contains(conversation); }
  bool OnPresence(const Event& event) override;

  void StartConversation();
  void StartUser();
  Task<void> LoadUser(std::shared_ptr<Session*> self);
  void OnUserLoaded(const UserConversations& all, const UserConversations& listed);
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
  void Established();
  Greeting MakeGreeting() const;
  void Subscribed(Feed& feed, const Result<Subscription>& subscription);
  void Count(ResumeResult result);
  // Sends `resumed` for resumes whose conversations have all caught up.
  void AnswerResumes();

  void Dispatch(std::string_view text);
  // `bytes`: the size of the command's text.
  void RunRow(CommandRow& row, Command command, size_t bytes);
  static Task<void> Execute(std::shared_ptr<Session*> self, CommandRow& row, Command command,
                            size_t bytes);
  void Finished(const CommandRow& row, const Ref& ref, const Uuid& conversation,
                const Result<SharedBytes>& answer, size_t bytes);
  void CountRefusal(Limit limit);
  void UpdateHold();
  void PublishTyping(const Uuid& conversation, bool is_typing);

  struct RunningResume {
    Ref ref;
    std::unordered_set<Uuid> waiting;
    ConversationSeqs done;
    std::unordered_map<Uuid, ResumeResult> gaps;  // kGap or kReset, as sent
  };
  struct Typing {
    Uuid conversation;
    Monotonic until;  // after this, the home ends it
  };

  SessionContext& context_;
  Transport& transport_;
  SessionRequest request_;
  Identity identity_;
  std::shared_ptr<Session*> self_;  // for results that can arrive after the session's end
  std::unordered_map<Uuid, Feed> feeds_;
  std::deque<Uuid> to_follow_;
  size_t pending_subscriptions_ = 0;  // pending
  Duration follow_backoff_{0};        // grows while the store is unavailable
  Monotonic follow_at_ = {};          // earliest time
  size_t fetching_ = 0;
  std::deque<Uuid> fetch_queue_;
  std::vector<Uuid> fetch_again_;  // retry at the next tick, because the store was unavailable
  std::vector<std::unique_ptr<RunningResume>> resumes_;  // in the order of their frames
  std::vector<Typing> typing_;                           // ended with the session
  uint64_t socket_id_ = 0;
  std::vector<Joined> joined_early_;  // conversations joined before connection_established was sent
  std::unique_ptr<std::string> deferred_;  // a command that waits for earlier ones
  size_t in_flight_ = 0;                   // unanswered commands
  size_t in_flight_bytes_ = 0;             // total size of their texts
  AskedAt asked_at_;
  std::array<uint8_t, kLimitCount> refused_in_a_row_{};
  bool in_turn_running_ = false;
  bool established_ = false;
  bool holding_events_ = false;  // until the first resume
};

}  // namespace parley

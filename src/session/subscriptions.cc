#include "session/subscriptions.h"

#include <algorithm>
#include <charconv>

#include "base/ask.h"
#include "protocol/events.h"

namespace parley {
namespace {

// Maximum pages in flight per session: enough to keep a client busy without crowding out others.
constexpr size_t kFetchesAtOnce = 16;
// Maximum pending subscriptions per session; most users have fewer conversations.
constexpr size_t kMaxPending = 128;
// Delay of subscriptions while the store is unavailable; doubles with each failure.
constexpr Duration kFirstBackoff = std::chrono::seconds(1),
                   kLongestBackoff = std::chrono::seconds(16);
constexpr size_t kListedConversations = 1000;
// Maximum user_online events after the greeting of a conversation socket.
constexpr size_t kOnlineEvents = 50;

// Parses a resume point from the query string: digits. A number larger than any seq is treated as
// beyond every head.
std::optional<int64_t> ParseSince(std::string_view text) {
  const bool digits =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::min(value, kBeyondEveryHead) : kBeyondEveryHead;
}

Error BadSince() {
  return {.code = ErrorCode::bad_since,
          .detail = "The resume point must be an integer of 0 or more."};
}

}  // namespace

Subscriptions::Subscriptions(SessionContext& context, Transport& transport, SessionRequest request,
                             const Identity& identity, SubscriptionsSink& sink)
    : context_(context),
      transport_(transport),
      only_conversation_(request.conversation),
      identity_(identity),
      sink_(sink),
      resumes_(context.hub.counters(), transport),
      request_(std::make_unique<const SessionRequest>(std::move(request))),
      holding_events_(request_->hold_until_resume) {
  if (!only_conversation_) following_ = std::make_unique<Following>();
}

Subscriptions::~Subscriptions() {
  if (following_ != nullptr && following_->self != nullptr) *following_->self = nullptr;
  for (auto& [conversation, feed] : feeds_) context_.hub.Unsubscribe(feed);
  if (!only_conversation_) context_.hub.RemoveUser(identity_.user, *this);
  if (established_) context_.hub.Disconnected(identity_.user);
}

// --- start

void Subscriptions::Start() {
  if (only_conversation_) {
    StartConversation();
  } else {
    StartUser();
  }
}

Greeting Subscriptions::MakeGreeting() const {
  return {.user = identity_.user,
          .session_id = RandomIdHex(16),
          .ping_interval_ms = context_.options.ping_interval.count() / 1000};
}

void Subscriptions::StartConversation() {
  feeds_.reserve(1);  // the first insertion would make room for 13
  Feed& feed = AddFeed(*only_conversation_);
  context_.hub.Subscribe(feed, identity_.user, identity_.service,
                         [this](Feed& found, const Result<Subscription>& subscription) {
                           OnConversation(found, subscription);
                         });
}

void Subscriptions::OnConversation(Feed& feed, const Result<Subscription>& subscription) {
  if (!subscription) {
    const bool gone = subscription.error().code == ErrorCode::not_participant;
    return transport_.Close(gone ? CloseCode::kNotParticipant : CloseCode::kRestarting,
                            subscription.error().detail);
  }
  const std::vector<UserId>& members = *subscription->participants;
  const std::vector<bool>& is_online =
      context_.hub.OnlineOf(feed.conversation(), subscription->participants);
  std::vector<std::string_view> online;
  for (size_t i = 0; i < members.size(); ++i) {
    if (is_online[i] || members[i] == identity_.user) online.push_back(members[i]);
  }
  Establish(ConversationGreeting(MakeGreeting(), feed.conversation(), subscription->head, online));
  // Clients of the guide's system know events of presence only, not the list.
  std::erase(online, std::string_view(identity_.user));
  if (online.size() > kOnlineEvents) online.resize(kOnlineEvents);
  transport_.AnswerAll(OnlineFrames(feed.conversation(), online));
  const std::unique_ptr<const SessionRequest> request = std::move(request_);
  const auto since = request->since ? ParseSince(*request->since) : std::nullopt;
  if (since) return Resume(std::nullopt, {{feed.conversation(), *since}});
  if (request->since) AnswerError(std::nullopt, feed.conversation(), BadSince());
  feed.HoldAt(subscription->head);
  feed.Start(subscription->head);
}

void Subscriptions::StartUser() {
  // Registered before the list is read: a conversation created meanwhile is announced, listed, or
  // both.
  context_.hub.AddUser(identity_.user, *this);
  following_->self = std::make_shared<Subscriptions*>(this);
  LoadUser(following_->self).Detach();
}

Task<void> Subscriptions::LoadUser(std::shared_ptr<Subscriptions*> self) {
  using Answer = Result<UserConversations>;
  HeadStore& store = (*self)->context_.store;
  Executor& executor = (*self)->context_.executor;
  const UserId user = (*self)->identity_.user;
  const std::optional<UserCursor> cursor = (*self)->request_->cursor;

  auto read_all = Ask(executor, store, &HeadStore::ListUserHeads, user, std::nullopt);
  Answer all = co_await read_all;
  Answer listed = all;
  // A cursor of another epoch is ignored.
  if (all && cursor && cursor->IsOf(all->epoch)) {
    auto read_changed = Ask(executor, store, &HeadStore::ListUserHeads, user, cursor->position);
    listed = co_await read_changed;
    // Uses the older snapshot: changes between the two are sent twice instead of being missed.
    if (listed && listed->epoch != all->epoch) listed = all;
    if (listed) listed->cursor = all->cursor;
  }
  if (*self == nullptr) co_return;
  if (!listed) {
    (*self)->transport_.Close(CloseCode::kRestarting, listed.error().detail);
    co_return;
  }
  (*self)->OnUserLoaded(*all, *listed);
}

void Subscriptions::OnUserLoaded(const UserConversations& all, const UserConversations& listed) {
  following_->self.reset();
  request_.reset();
  ConversationSeqs heads;
  for (const UserConversationHead& head : listed.heads) {
    if (heads.size() == kListedConversations) break;
    heads.emplace_back(head.conversation_id, head.seq);
  }
  Establish(UserGreeting(MakeGreeting(), heads, TextOf(UserCursor{listed.cursor, listed.epoch}),
                         listed.heads.size() > heads.size()));
  for (const UserConversationHead& head : all.heads) Follow(head, true);
  FollowQueued();
  for (const Joined& joined : std::exchange(following_->joined_early, {})) OnJoined(joined);
}

// --- subscriptions

Feed& Subscriptions::AddFeed(const Uuid& conversation) {
  return feeds_.try_emplace(conversation, conversation, static_cast<FeedSink&>(*this))
      .first->second;
}

void Subscriptions::Follow(const UserConversationHead& head, bool listed) {
  if (feeds_.contains(head.conversation_id)) return;
  Feed& feed = AddFeed(head.conversation_id);
  feed.HoldAt(head.seq);
  if (listed) feed.member_at = head.seq;
  following_->queue.push_back(head.conversation_id);
}

void Subscriptions::FollowQueued() {
  // Waits until several can be subscribed together, because their conversations are loaded in one
  // read.
  if (following_->pending > kMaxPending / 4) return;
  if (context_.clock.Steady() < following_->next_at) return;
  std::vector<Feed*> some;
  std::list<Uuid>& queue = following_->queue;
  while (following_->pending + some.size() < kMaxPending && !queue.empty()) {
    Feed* feed = FindFeed(queue.front());
    queue.pop_front();
    const bool waits = feed != nullptr && feed->access_check == Feed::AccessCheck::kNone;
    if (waits) some.push_back(feed);
  }
  Subscribe(some);
}

void Subscriptions::Subscribe(const std::vector<Feed*>& some) {
  if (some.empty()) return;
  for (Feed* feed : some) feed->access_check = Feed::AccessCheck::kPending;
  following_->pending += some.size();
  context_.hub.SubscribeAll(some, identity_.user, identity_.service,
                            [this](Feed& feed, const Result<Subscription>& subscription) {
                              OnSubscription(feed, subscription);
                            });
}

void Subscriptions::OnSubscription(Feed& feed, const Result<Subscription>& subscription) {
  --following_->pending;
  feed.access_check = Feed::AccessCheck::kNone;
  if (subscription) {
    feed.access_check = Feed::AccessCheck::kGranted;
    following_->backoff = Duration(0);
    if (!holding_events_) feed.Start(subscription->head);
  } else if (subscription.error().code == ErrorCode::not_participant) {
    Drop(feed);  // the user was removed after the list was read
  } else {
    following_->queue.push_back(feed.conversation());
    const Monotonic now = context_.clock.Steady();
    if (now >= following_->next_at) {
      following_->backoff = std::clamp(following_->backoff * 2, kFirstBackoff, kLongestBackoff);
      following_->next_at = now + context_.reconnect_delays.Jittered(following_->backoff);
    }
  }
  FollowQueued();
}

void Subscriptions::Establish(std::string_view greeting) {
  transport_.Answer(greeting);
  established_ = true;
  context_.hub.Connected(identity_.user);
  sink_.OnEstablished();
}

void Subscriptions::OnJoined(const Joined& joined) {
  if (!established_) {
    following_->joined_early.push_back(joined);
    return;
  }
  const Uuid& conversation = joined.created->conversation;
  if (feeds_.contains(conversation)) return;
  transport_.SendAlways(*joined.created);
  Follow({conversation, joined.since}, false);
  FollowQueued();
}

// --- the end of a subscription

void Subscriptions::OnRemoved(Feed& feed, const Event& event) {
  const bool deleted = event.removal == Removal::kEveryone;
  if (deleted) {
    transport_.SendAlways(event);
  } else {
    transport_.Answer(ConversationLeftFrame(feed.conversation()));
  }
  if (only_conversation_) {
    return transport_.Close(CloseCode::kNotParticipant,
                            deleted ? "The conversation was deleted."
                                    : "You are no longer a participant of the conversation.");
  }
  Drop(feed);
}

void Subscriptions::Drop(Feed& feed) {
  const Uuid conversation = feed.conversation();
  fetching_ -= feed.pages_in_flight;  // the results are no longer needed
  if (feed.access_check == Feed::AccessCheck::kPending) --following_->pending;
  context_.hub.Unsubscribe(feed);
  feeds_.erase(conversation);
  sink_.OnUnsubscribed(conversation);
  resumes_.OnDropped(conversation);
  FetchQueued();
}

// --- delivery

Feed* Subscriptions::FindFeed(const Uuid& conversation) {
  const auto found = feeds_.find(conversation);
  return found == feeds_.end() ? nullptr : &found->second;
}

bool Subscriptions::SendPresence(std::span<const EventRef> events) {
  if (!only_conversation_) return false;  // a user socket receives one event for all conversations
  bool sent = false;
  for (const EventRef& event : events) sent |= SendOrDrop(*event, false);
  return sent;
}

bool Subscriptions::OnPresence(const Event& event) {
  if (!established_) return false;
  SendOrDrop(event, true);
  return true;
}

void Subscriptions::OnUserEvent(const Event& event) {
  const bool presence =
      event.kind == EventKind::kUserOnline || event.kind == EventKind::kUserOffline;
  if (established_) SendOrDrop(event, presence);
}

bool Subscriptions::SendOrDrop(const Event& event, bool can_wait) {
  if (event.except_user == identity_.user) return false;
  const auto send = [&] {
    return can_wait ? transport_.SendGathered(event) : transport_.Send(event);
  };
  if (!transport_.Busy() && send() == SendStatus::kQueued) return true;
  context_.hub.counters().ephemeral_dropped.Add();
  return false;
}

void Subscriptions::SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) {
  resumes_.OnGap(conversation, reset);
  transport_.Answer(GapFrame(conversation, from, to, reset));
}

void Subscriptions::Fetch(Feed& feed) {
  if (fetching_ >= kFetchesAtOnce) {
    fetch_queue_.push_back(feed.conversation());
    return;
  }
  ++fetching_;
  ++feed.pages_in_flight;
  context_.hub.Fetch(feed);
}

void Subscriptions::Fetched(Feed& feed) {
  --feed.pages_in_flight;
  --fetching_;
  FetchQueued();
}

void Subscriptions::FetchQueued() {
  while (fetching_ < kFetchesAtOnce && !fetch_queue_.empty()) {
    Feed* next = FindFeed(fetch_queue_.front());
    fetch_queue_.pop_front();
    if (next != nullptr && next->state() == Feed::State::kFetching) Fetch(*next);
  }
}

void Subscriptions::FetchFailed(Feed& feed) { fetch_again_.push_back(feed.conversation()); }

void Subscriptions::OnDrained() {
  for (auto& [conversation, feed] : feeds_) feed.OnDrained();
}

// --- resume

void Subscriptions::Resume(const Ref& ref, const ConversationSeqs& seqs) {
  if (resumes_.Refuse(ref)) return;
  SubscribeNow(seqs);
  std::vector<Uuid> found;
  for (const auto& [conversation, seq] : seqs) {
    if (Has(conversation)) {
      found.push_back(conversation);
    } else {
      AnswerError(ref, conversation, Error::NotFound());
      resumes_.CountRefused();
    }
  }
  resumes_.Start(ref, found);
  for (const auto& [conversation, seq] : seqs) {
    if (Feed* feed = FindFeed(conversation)) feed->Resume(seq);
  }
  if (std::exchange(holding_events_, false)) {
    // Other feeds start when their subscription completes.
    for (auto& [conversation, feed] : feeds_) {
      if (feed.access_check == Feed::AccessCheck::kGranted) feed.StartWithFetch();
    }
  }
  resumes_.AnswerFinished();
}

void Subscriptions::SubscribeNow(const ConversationSeqs& seqs) {
  std::vector<Feed*> waiting;
  for (const auto& [conversation, seq] : seqs) {
    Feed* feed = FindFeed(conversation);
    if (feed == nullptr || feed->subscribed()) continue;
    if (feed->access_check == Feed::AccessCheck::kNone) waiting.push_back(feed);
    // A conversation named twice is subscribed once.
    feed->access_check = Feed::AccessCheck::kPending;
  }
  Subscribe(waiting);
}

void Subscriptions::CaughtUp(Feed& feed) {
  resumes_.OnCaughtUp(feed.conversation(), feed.last_seq());
}

// --- retries

void Subscriptions::OnTick() {
  if (following_ != nullptr) FollowQueued();
  for (const Uuid& conversation : std::exchange(fetch_again_, {})) {
    Feed* feed = FindFeed(conversation);
    const bool waits = feed != nullptr && feed->state() == Feed::State::kFetching;
    if (waits && feed->pages_in_flight == 0) Fetch(*feed);
  }
}

}  // namespace parley

#include "session/session.h"

#include <algorithm>
#include <charconv>

#include "base/ask.h"

namespace parley {
namespace {

// Maximum pages in flight per session: enough to keep a client busy without crowding out others.
constexpr size_t kFetchesAtOnce = 16;
// Maximum pending subscriptions per session; most users have fewer conversations.
constexpr size_t kMaxPendingSubscriptions = 128;
// Delay of subscriptions while the store is unavailable; doubles with each failure.
constexpr Duration kFirstBackoff = std::chrono::seconds(1),
                   kLongestBackoff = std::chrono::seconds(16);
constexpr size_t kListedConversations = 1000;
// Maximum running resumes; each stores the conversations of its frame until all have caught up.
constexpr size_t kResumesAtOnce = 16;

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

Session::Session(SessionContext& context, Transport& transport, SessionRequest request,
                 Identity identity)
    : context_(context),
      transport_(transport),
      request_(std::move(request)),
      identity_(std::move(identity)),
      self_(std::make_shared<Session*>(this)),
      socket_id_(context.hub.NewSocketId()),
      holding_events_(request_.hold_until_resume) {}

Session::~Session() {
  *self_ = nullptr;
  for (const Typing& typing : typing_) PublishTyping(typing.conversation, false);
  for (auto& [conversation, feed] : feeds_) context_.hub.Unsubscribe(feed);
  if (!request_.conversation) context_.hub.RemoveUser(identity_.user, *this);
  if (established_) context_.hub.Disconnected(identity_.user);
}

// --- start

void Session::Start() {
  transport_.HoldCommands(true);
  if (request_.conversation) {
    StartConversation();
  } else {
    StartUser();
  }
}

Feed& Session::AddFeed(const Uuid& conversation) {
  return feeds_.try_emplace(conversation, conversation, static_cast<FeedSink&>(*this))
      .first->second;
}

Greeting Session::MakeGreeting() const {
  return {.user = identity_.user,
          .session_id = RandomHex(16),
          .ping_interval_ms = context_.options.ping_interval.count() / 1000};
}

void Session::StartConversation() {
  Feed& feed = AddFeed(*request_.conversation);
  context_.hub.Subscribe(feed, identity_.user, identity_.service,
                         [this](Feed& found, const Result<Subscription>& subscription) {
                           Subscribed(found, subscription);
                         });
}

void Session::Subscribed(Feed& feed, const Result<Subscription>& subscription) {
  if (!subscription) {
    const bool gone = subscription.error().code == ErrorCode::not_participant;
    return transport_.Close(gone ? CloseCode::kNotParticipant : CloseCode::kRestarting,
                            subscription.error().detail);
  }
  std::vector<UserId> online;
  for (const UserId& user : subscription->participants) {
    if (user == identity_.user || context_.online.Has(user)) online.push_back(user);
  }
  transport_.Answer(
      ConversationGreeting(MakeGreeting(), feed.conversation(), subscription->head, online));
  Established();
  const auto since = request_.since ? ParseSince(*request_.since) : std::nullopt;
  if (since) return Resume(std::nullopt, {{feed.conversation(), *since}});
  if (request_.since) AnswerError(std::nullopt, feed.conversation(), BadSince());
  feed.HoldAt(subscription->head);
  feed.Go(subscription->head);
}

void Session::StartUser() {
  // Registered before the list is read: a conversation created meanwhile is announced, listed, or
  // both.
  context_.hub.AddUser(identity_.user, *this);
  LoadUser(self_).Detach();
}

Task<void> Session::LoadUser(std::shared_ptr<Session*> self) {
  using Answer = Result<UserConversations>;
  HeadStore& store = context_.store;
  Executor& executor = context_.executor;
  const UserId user = identity_.user;
  const std::optional<UserCursor> cursor = request_.cursor;

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
    transport_.Close(CloseCode::kRestarting, listed.error().detail);
    co_return;
  }
  OnUserLoaded(*all, *listed);
}

void Session::OnUserLoaded(const UserConversations& all, const UserConversations& listed) {
  ConversationSeqs heads;
  for (const UserConversationHead& head : listed.heads) {
    if (heads.size() == kListedConversations) break;
    heads.emplace_back(head.conversation_id, head.seq);
  }
  transport_.Answer(UserGreeting(MakeGreeting(), heads,
                                 TextOf(UserCursor{listed.cursor, listed.epoch}),
                                 listed.heads.size() > heads.size()));
  Established();
  for (const UserConversationHead& head : all.heads) Follow(head, true);
  FollowQueued();
  for (const Joined& joined : std::exchange(joined_early_, {})) OnJoined(joined);
}

// --- subscriptions

void Session::Follow(const UserConversationHead& head, bool listed) {
  if (feeds_.contains(head.conversation_id)) return;
  Feed& feed = AddFeed(head.conversation_id);
  feed.HoldAt(head.seq);
  if (listed) feed.member_at = head.seq;
  to_follow_.push_back(head.conversation_id);
}

void Session::FollowQueued() {
  // Waits until several can be subscribed together, because their conversations are loaded in one
  // read.
  if (pending_subscriptions_ > kMaxPendingSubscriptions / 4 || context_.clock.Steady() < follow_at_)
    return;
  std::vector<Feed*> some;
  while (pending_subscriptions_ + some.size() < kMaxPendingSubscriptions && !to_follow_.empty()) {
    Feed* feed = FindFeed(to_follow_.front());
    to_follow_.pop_front();
    const bool waits = feed != nullptr && feed->access_check == Feed::AccessCheck::kNone;
    if (waits) some.push_back(feed);
  }
  Subscribe(some);
}

void Session::Subscribe(const std::vector<Feed*>& some) {
  if (some.empty()) return;
  for (Feed* feed : some) feed->access_check = Feed::AccessCheck::kPending;
  pending_subscriptions_ += some.size();
  context_.hub.SubscribeAll(some, identity_.user, identity_.service,
                            [this](Feed& feed, const Result<Subscription>& subscription) {
                              OnSubscription(feed, subscription);
                            });
}

void Session::OnSubscription(Feed& feed, const Result<Subscription>& subscription) {
  --pending_subscriptions_;
  feed.access_check = Feed::AccessCheck::kNone;
  if (subscription) {
    feed.access_check = Feed::AccessCheck::kGranted;
    follow_backoff_ = Duration(0);
    if (!holding_events_) feed.Go(subscription->head);
  } else if (subscription.error().code == ErrorCode::not_participant) {
    Drop(feed);  // the user was removed after the list was read
  } else {
    to_follow_.push_back(feed.conversation());
    const Monotonic now = context_.clock.Steady();
    if (now >= follow_at_) {
      follow_backoff_ = std::clamp(follow_backoff_ * 2, kFirstBackoff, kLongestBackoff);
      follow_at_ = now + context_.reconnect_delays.Jittered(follow_backoff_);
    }
  }
  FollowQueued();
}

void Session::Established() {
  established_ = true;
  context_.hub.Connected(identity_.user);
  transport_.HoldCommands(false);
}

void Session::OnJoined(const Joined& joined) {
  if (!established_) {
    joined_early_.push_back(joined);
    return;
  }
  const Uuid& conversation = joined.created->conversation;
  if (feeds_.contains(conversation)) return;
  transport_.Answer(joined.created->frame);
  Follow({conversation, joined.since}, false);
  FollowQueued();
}

// --- the end of a subscription

void Session::OnRemoved(Feed& feed, const Event& event) {
  const bool deleted = event.removal == Removal::kEveryone;
  transport_.Answer(deleted ? event.frame : ConversationLeftFrame(feed.conversation()));
  if (request_.conversation) {
    return transport_.Close(CloseCode::kNotParticipant,
                            deleted ? "The conversation was deleted."
                                    : "You are no longer a participant of the conversation.");
  }
  Drop(feed);
}

void Session::Drop(Feed& feed) {
  const Uuid conversation = feed.conversation();
  fetching_ -= feed.pages_under_way;  // the results are no longer needed
  if (feed.access_check == Feed::AccessCheck::kPending) --pending_subscriptions_;
  context_.hub.Unsubscribe(feed);
  feeds_.erase(conversation);
  std::erase_if(typing_, [&](const Typing& one) { return one.conversation == conversation; });
  for (const auto& resume : resumes_) {
    if (resume->waiting.erase(conversation) != 0) Count(ResumeResult::kRefused);
  }
  AnswerResumes();
  FetchQueued();
}

// --- delivery

Feed* Session::FindFeed(const Uuid& conversation) {
  const auto found = feeds_.find(conversation);
  return found == feeds_.end() ? nullptr : &found->second;
}

void Session::SendEphemeral(const Event& event) {
  if (event.single_conversation && !request_.conversation) return;
  SendPassing(event);
}

bool Session::OnPresence(const Event& event) {
  if (!established_) return false;
  SendPassing(event);
  return true;
}

void Session::SendPassing(const Event& event) {
  if (event.except_user == identity_.user) return;
  if (transport_.Busy() || transport_.Send(event.frame) == SendStatus::kFull) {
    context_.hub.counters().ephemeral_dropped.Add();
  }
}

void Session::SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) {
  for (const auto& resume : resumes_) {
    if (!resume->waiting.contains(conversation)) continue;
    resume->gaps[conversation] = reset ? ResumeResult::kReset : ResumeResult::kGap;
  }
  transport_.Answer(GapFrame(conversation, from, to, reset));
}

void Session::Fetch(Feed& feed) {
  if (fetching_ >= kFetchesAtOnce) {
    fetch_queue_.push_back(feed.conversation());
    return;
  }
  ++fetching_;
  ++feed.pages_under_way;
  context_.hub.Fetch(feed);
}

void Session::Fetched(Feed& feed) {
  --feed.pages_under_way;
  --fetching_;
  FetchQueued();
}

void Session::FetchQueued() {
  while (fetching_ < kFetchesAtOnce && !fetch_queue_.empty()) {
    Feed* next = FindFeed(fetch_queue_.front());
    fetch_queue_.pop_front();
    if (next != nullptr && next->state() == Feed::State::kFetching) Fetch(*next);
  }
}

void Session::FetchFailed(Feed& feed) { fetch_again_.push_back(feed.conversation()); }

void Session::OnDrained() {
  for (auto& [conversation, feed] : feeds_) feed.OnDrained();
}

// --- resume

void Session::Resume(const Ref& ref, const ConversationSeqs& seqs) {
  if (resumes_.size() >= kResumesAtOnce) {
    return AnswerError(ref, std::nullopt,
                       {.code = ErrorCode::rate_limited,
                        .detail = "A socket can have at most " + std::to_string(kResumesAtOnce) +
                                  " concurrent resumes: wait for a `resumed` frame."});
  }
  RunningResume& resume = *resumes_.emplace_back(std::make_unique<RunningResume>());
  resume.ref = ref;
  SubscribeNow(seqs);
  for (const auto& [conversation, seq] : seqs) {
    if (FindFeed(conversation) != nullptr) {
      resume.waiting.insert(conversation);
    } else {
      AnswerError(ref, conversation, Error::NotFound());
      Count(ResumeResult::kRefused);
    }
  }
  for (const auto& [conversation, seq] : seqs) {
    if (Feed* feed = FindFeed(conversation)) feed->Resume(seq);
  }
  if (std::exchange(holding_events_, false)) {
    // Other feeds start when their subscription completes.
    for (auto& [conversation, feed] : feeds_) {
      if (feed.access_check == Feed::AccessCheck::kGranted) feed.Release();
    }
  }
  AnswerResumes();
}

void Session::SubscribeNow(const ConversationSeqs& seqs) {
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

void Session::CaughtUp(Feed& feed) {
  const Uuid& conversation = feed.conversation();
  for (const auto& resume : resumes_) {
    if (resume->waiting.erase(conversation) == 0) continue;
    resume->done.emplace_back(conversation, feed.last_seq());
    const auto gap = resume->gaps.find(conversation);
    Count(gap == resume->gaps.end() ? ResumeResult::kComplete : gap->second);
  }
  AnswerResumes();
}

void Session::Count(ResumeResult result) {
  context_.hub.counters().resumes[static_cast<size_t>(result)].Add();
}

void Session::AnswerResumes() {
  std::erase_if(resumes_, [&](const std::unique_ptr<RunningResume>& resume) {
    if (!resume->waiting.empty()) return false;
    transport_.Answer(ResumedFrame(resume->ref, resume->done));
    return true;
  });
}

// --- expiring state

Result<void> Session::Reauthenticate(std::string_view token) {
  Result<Identity> fresh = context_.verifier.Verify(token);
  if (!fresh) return Fail(fresh.error());
  if (fresh->user != identity_.user) {
    return Fail(ErrorCode::forbidden, "The token must be for the same user.");
  }
  identity_ = std::move(*fresh);
  asked_at_ = {};
  return {};
}

Result<void> Session::SetTyping(const Uuid& conversation, bool is_typing) {
  if (FindFeed(conversation) == nullptr) return Fail(Error::NotFound());
  std::erase_if(typing_, [&](const Typing& one) { return one.conversation == conversation; });
  if (is_typing) typing_.push_back({conversation, context_.clock.Steady() + kTypingEnds});
  PublishTyping(conversation, is_typing);
  return {};
}

void Session::PublishTyping(const Uuid& conversation, bool is_typing) {
  context_.hub.SetTyping({.conversation = conversation,
                          .user = identity_.user,
                          .socket_id = socket_id_,
                          .as_service = identity_.service,
                          .is_typing = is_typing});
}

void Session::OnTick() {
  if (const auto why = context_.verifier.WhyEnded(identity_, asked_at_)) {
    return transport_.Close(CloseCode::kNotAuthenticated, *why);
  }
  FollowQueued();
  const Monotonic now = context_.clock.Steady();
  std::erase_if(typing_, [&](const Typing& one) { return one.until <= now; });
  for (const Uuid& conversation : std::exchange(fetch_again_, {})) {
    Feed* feed = FindFeed(conversation);
    const bool waits = feed != nullptr && feed->state() == Feed::State::kFetching;
    if (waits && feed->pages_under_way == 0) Fetch(*feed);
  }
}

void Session::AnswerError(const Ref& ref, const std::optional<Uuid>& conversation,
                          const Error& error) {
  transport_.Answer(ErrorFrame(ref, conversation, error));
}

}  // namespace parley

#include "hub/hub.h"

#include <algorithm>
#include <iterator>

#include "protocol/events.h"

namespace parley {

Hub::Hub(Executor& self, unsigned shard, HubStore& store, HubCounters& counters,
         HomeOptions options, NodePublisher* publisher)
    : self_(self),
      store_(store),
      shard_(shard),
      counters_(counters),
      clock_(options.clock),
      publisher_(publisher),
      follow_sinks_(options.follow_sinks),
      online_(options.online),
      trace_(options.clock == nullptr ? nullptr : options.trace),
      home_(self, store, *this, counters, options),
      presence_batches_(table_, counters),
      online_members_(options.online) {
  if (options.online == nullptr || options.clock == nullptr) return;
  presence_.emplace(store, static_cast<PresenceSink&>(*this), *options.online, *options.clock);
}

void Hub::Connect(std::span<const std::unique_ptr<Hub>> hubs) {
  for (const auto& hub : hubs) {
    for (const auto& other : hubs) hub->hubs_.push_back(other.get());
  }
}

template <class Work>
void Hub::AtHome(const Uuid& conversation, Work work) {
  Hub& hub = *hubs_[ShardOf(conversation, hubs_.size())];
  if (&hub == this) return work(home_);
  hub.self_.Post([&hub, work = std::move(work)]() mutable { work(hub.home_); });
}

template <class T>
Resolve<T> Hub::Here(Resolve<T> done) {
  return [&self = self_, done = std::move(done)](T answer) mutable {
    self.Post([done = std::move(done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
  };
}

// --- subscriptions

Resolve<Result<Subscription>> Hub::SubscriptionReply(const Feed& feed, OnSubscribed done) {
  return Here<Result<Subscription>>(
      [this, id = feed.id(), done = std::move(done)](Result<Subscription> subscription) mutable {
        Feed* found = table_.Find(id);
        if (found == nullptr) return;
        const UserId subscriber = found->sink().user();
        presence_batches_.Skip(*found);
        SharedUsers members;
        if (subscription) members = subscription->participants;
        done(*found, std::move(subscription));
        if (members != nullptr) CatchUpPresence(subscriber, *members);
      });
}

void Hub::Subscribe(Feed& feed, const UserId& user, bool as_service, OnSubscribed done) {
  table_.Add(feed);
  Resolve<Result<Subscription>> answer = SubscriptionReply(feed, std::move(done));
  AtHome(feed.conversation(), [conversation = feed.conversation(), user, as_service, shard = shard_,
                               answer = std::move(answer)](Home& home) mutable {
    home.Subscribe(conversation, user, as_service, shard, std::move(answer));
  });
}

void Hub::SubscribeAll(std::span<Feed* const> feeds, const UserId& user, bool as_service,
                       const OnEachSubscribed& done) {
  struct One {
    Uuid conversation;
    std::optional<int64_t> member_at;
    Resolve<Result<Subscription>> answer;
  };
  std::vector<std::vector<One>> by_home(hubs_.size());
  for (Feed* feed : feeds) {
    if (!feed->subscribed()) table_.Add(*feed);
    One one{.conversation = feed->conversation(), .answer = SubscriptionReply(*feed, done)};
    if (feed->member_at >= 0) one.member_at = feed->member_at;
    by_home[ShardOf(one.conversation, hubs_.size())].push_back(std::move(one));
  }
  for (std::vector<One>& part : by_home) {
    if (part.empty()) continue;
    const Uuid first = part.front().conversation;
    AtHome(first, [part = std::move(part), user, as_service, shard = shard_](Home& home) mutable {
      home.BatchLoads([&] {
        for (One& one : part) {
          home.Subscribe(one.conversation, user, as_service, shard, std::move(one.answer),
                         one.member_at);
        }
      });
    });
  }
}

void Hub::Unsubscribe(Feed& feed) {
  if (!feed.subscribed()) return;
  const Uuid conversation = feed.conversation();
  if (!table_.Remove(feed)) return;
  online_members_.Forget(conversation);
  AtHome(conversation,
         [conversation, shard = shard_](Home& home) { home.Unsubscribe(conversation, shard); });
}

void Hub::Fetch(Feed& feed) {
  counters_.catch_ups.Add();
  const int64_t since = feed.last_seq();
  Read(feed.conversation(), since, [this, id = feed.id(), since](Result<PageRef> page) {
    Feed* found = table_.Find(id);
    if (found == nullptr) return;
    if (page) {
      found->OnPage(**page);
      MarkDelivered(**page, *found);
      if (trace_ != nullptr) Trace(**page, *found);
    } else if (page.error().code != ErrorCode::not_found) {
      found->OnPageFailed(since);
    }  // otherwise the conversation was deleted, and the event of the deletion ends the feed
    found->sink().Fetched(*found);
  });
}

void Hub::Connected(const UserId& user) {
  Hub& home = *hubs_[KeyedHash()(user) % hubs_.size()];
  home.self_.Post([&home, user] {
    if (home.presence_) home.presence_->Connected(user);
  });
}

void Hub::Disconnected(const UserId& user) {
  Hub& home = *hubs_[KeyedHash()(user) % hubs_.size()];
  home.self_.Post([&home, user] {
    if (home.presence_) home.presence_->Disconnected(user);
  });
}

void Hub::OnTick(Monotonic now) {
  home_.OnTick(now);
  if (presence_) presence_->OnTick(now);
  presence_batches_.OnTick();
  online_members_.OnTick();
  RetryUnverified(now);
}

// --- commands

void Hub::Send(NewMessage message, Resolve<Result<StoredMessage>> done) {
  const Uuid conversation = message.conversation_id;
  AtHome(conversation,
         [message = std::move(message), answer = Here<Result<StoredMessage>>(std::move(done))](
             Home& home) mutable { home.Send(std::move(message), std::move(answer)); });
}

void Hub::Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done) {
  const Uuid conversation = request.conversation;
  AtHome(conversation,
         [request = std::move(request), answer = Here<Result<AppliedChange>>(std::move(done))](
             Home& home) mutable { home.Apply(std::move(request), std::move(answer)); });
}

void Hub::Delete(const Uuid& conversation, const UserId& actor, bool as_service,
                 Resolve<Result<void>> done) {
  AtHome(conversation, [conversation, actor, as_service,
                        answer = Here<Result<void>>(std::move(done))](Home& home) mutable {
    home.Delete(conversation, actor, as_service, std::move(answer));
  });
}

void Hub::BroadcastEphemeral(EventRef event) {
  const Uuid conversation = event->conversation;
  AtHome(conversation, [event = std::move(event)](Home& home) { home.BroadcastEphemeral(event); });
}

void Hub::SetTyping(TypingUpdate update) {
  const Uuid conversation = update.conversation;
  AtHome(conversation, [update = std::move(update)](Home& home) { home.SetTyping(update); });
}

void Hub::Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done) {
  AtHome(conversation,
         [conversation, since, answer = Here<Result<PageRef>>(std::move(done))](
             Home& home) mutable { home.Read(conversation, since, std::move(answer)); });
}

void Hub::Announce(std::vector<UserId> users, const Conversation& joined) {
  const auto shared = std::make_shared<const std::vector<UserId>>(std::move(users));
  const Joined event{ConversationCreatedEvent(joined), joined.seq};
  if (publisher_ != nullptr) publisher_->PublishJoined(*shared, event);
  for (Hub* hub : hubs_) {
    hub->self_.Post([hub, shared, event] { hub->OnAnnounced(*shared, event); });
  }
}

void Hub::OnAnnounced(std::span<const UserId> users, const Joined& joined) {
  if (users_.empty()) return;
  for (const UserId& user : users) {
    auto [at, end] = users_.equal_range(user);
    for (; at != end; ++at) at->second.sink->OnJoined(joined);
  }
}

// --- delivery

void Hub::Deliver(unsigned shard, std::vector<EventRef> events) {
  Hub* hub = hubs_[shard];
  hub->self_.Post([hub, events = std::move(events)] { hub->OnEvents(events); });
}

void Hub::MeasureDelivery(std::span<const EventRef> events) {
  const Monotonic now = clock_->Steady();
  for (const EventRef& event : events) {
    if (event->committed_at != Monotonic{}) counters_.delivery.Observe(now - event->committed_at);
  }
}

void Hub::MarkDelivered(std::span<const EventRef> events) {
  for (const EventRef& event : events) {
    if (event->undelivered_from.empty()) continue;
    const bool shown = table_.Any(event->conversation, [&](Feed& feed) {
      return feed.last_seq() >= event->seq && feed.state() == Feed::State::kLive &&
             feed.sink().user() != event->undelivered_from;
    });
    if (shown) store_.NoteDelivered(event->conversation, event->seq, event->seq);
  }
}

void Hub::MarkDelivered(const Page& page, Feed& feed) {
  for (const EventRef& event : page.events) {
    if (event->undelivered_from.empty() || event->seq > feed.last_seq()) continue;
    if (feed.sink().user() == event->undelivered_from) continue;
    store_.NoteDelivered(page.conversation, event->seq, event->seq);
  }
}

void Hub::Trace(std::span<const EventRef> events) {
  const Timestamp now = clock_->Now();
  for (const EventRef& event : events) {
    if (event->kind != EventKind::kMessage) continue;
    const bool sent = table_.Any(event->conversation, [&](Feed& feed) {
      return feed.last_seq() >= event->seq && feed.state() == Feed::State::kLive;
    });
    if (!sent) continue;
    trace_->Add({.conversation = event->conversation,
                 .first_seq = event->seq,
                 .last_seq = event->seq,
                 .at = now,
                 .stage = TraceStage::kDelivered,
                 .origin = event->origin});
  }
}

void Hub::Trace(const Page& page, const Feed& feed) {
  const auto reached = [&](const EventRef& event) { return event->seq <= feed.last_seq(); };
  const auto end = std::ranges::find_if_not(page.events, reached);
  if (end == page.events.begin()) return;
  trace_->Add({.conversation = page.conversation,
               .first_seq = page.events.front()->seq,
               .last_seq = (*std::prev(end))->seq,
               .at = clock_->Now(),
               .stage = TraceStage::kCaughtUp});
}

void Hub::EndSubscriptions(const Event& event) {
  std::vector<FeedId> ended;
  table_.ForEach(event.conversation, [&](Feed& feed) {
    if (event.removal == Removal::kEveryone || feed.sink().user() == RemovedUser(event)) {
      ended.push_back(feed.id());
    }
  });
  for (const FeedId id : ended) {
    if (Feed* feed = table_.Find(id)) feed->sink().OnRemoved(*feed, event);
  }
}

void Hub::Rewind(const Event& event) {
  std::vector<FeedId> feeds;
  table_.ForEach(event.conversation, [&](Feed& feed) { feeds.push_back(feed.id()); });
  for (const FeedId id : feeds) {
    if (Feed* feed = table_.Find(id)) feed->Rewind(event.rewind_to);
  }
}

void Hub::OnEvents(std::span<const EventRef> events) {
  while (!events.empty()) {
    const EventRef& first = events.front();
    size_t run = 1;
    const bool presence = first->seq == 0 && first->single_conversation;
    if (!presence) presence_batches_.Flush(first->conversation);
    if (presence) {
      online_members_.OnPresence(*first);
      presence_batches_.Deliver(first);
    } else if (first->removal != Removal::kNone) {
      EndSubscriptions(*first);
      if (first->seq != 0) table_.Deliver(events.first(run));
    } else if (first->rewind_to >= 0) {
      Rewind(*first);
    } else if (first->seq == 0) {
      table_.ForEach(first->conversation, [&](Feed& feed) {
        if (feed.state() == Feed::State::kLive) {
          feed.sink().SendEphemeral(*first);
        } else if (feed.state() != Feed::State::kHeld && feed.sink().user() != first->except_user) {
          counters().ephemeral_dropped.Add();  // the reader would see it before older messages
        }
      });
    } else {
      while (run < events.size() && events[run]->seq != 0 &&
             events[run]->removal == Removal::kNone &&
             events[run]->conversation == first->conversation) {
        ++run;
      }
      table_.Deliver(events.first(run));
      MarkDelivered(events.first(run));
      if (clock_ != nullptr) MeasureDelivery(events.first(run));
      if (trace_ != nullptr) Trace(events.first(run));
    }
    events = events.subspan(run);
  }
}

}  // namespace parley

#include "hub/hub.h"

namespace parley {

Hub::Hub(Executor& self, unsigned shard, Store& store, HubCounters& counters, HomeOptions options)
    : self_(self),
      shard_(shard),
      counters_(counters),
      clock_(options.clock),
      home_(self, store, *this, counters, options) {}

void Hub::Connect(std::span<const std::unique_ptr<Hub>> hubs) {
  for (const auto& hub : hubs) {
    for (const auto& other : hubs) hub->hubs_.push_back(other.get());
  }
}

template <class Work>
void Hub::AtHome(const Uuid& conversation, Work work) {
  Hub& hub = *hubs_[std::hash<Uuid>()(conversation) / 7 % hubs_.size()];
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

// --- listening

void Hub::Subscribe(Feed& feed, const UserId& user, bool trusted, Admitted done) {
  table_.Add(feed);
  Resolve<Result<Admission>> answer = Here<Result<Admission>>(
      [this, id = feed.id(), done = std::move(done)](Result<Admission> admission) mutable {
        if (Feed* found = table_.Find(id)) done(*found, std::move(admission));
      });
  AtHome(feed.conversation(), [conversation = feed.conversation(), user, trusted, shard = shard_,
                               answer = std::move(answer)](Home& home) mutable {
    home.Admit(conversation, user, trusted, shard, std::move(answer));
  });
}

void Hub::Unsubscribe(Feed& feed) {
  const Uuid conversation = feed.conversation();
  if (!table_.Remove(feed)) return;
  AtHome(conversation,
         [conversation, shard = shard_](Home& home) { home.Unlisten(conversation, shard); });
}

void Hub::Fetch(Feed& feed) {
  counters_.catch_ups.Add();
  const int64_t since = feed.last_seq();
  Read(feed.conversation(), since, [this, id = feed.id(), since](Result<PageRef> page) {
    Feed* found = table_.Find(id);
    if (found == nullptr) return;
    if (page) {
      found->OnPage(**page);
    } else {
      found->OnPageFailed(since);
    }
    found->sink().Fetched(*found);
  });
}

void Hub::AddUser(const UserId& user, UserSink& sink) { users_.emplace(user, &sink); }

void Hub::RemoveUser(const UserId& user, UserSink& sink) {
  auto [at, end] = users_.equal_range(user);
  for (; at != end; ++at) {
    if (at->second == &sink) {
      users_.erase(at);
      return;
    }
  }
}

// --- doing

void Hub::Send(NewMessage message, Resolve<Result<StoredMessage>> done) {
  const Uuid conversation = message.conversation_id;
  AtHome(conversation,
         [message = std::move(message), answer = Here<Result<StoredMessage>>(std::move(done))](
             Home& home) mutable { home.Send(std::move(message), std::move(answer)); });
}

void Hub::Relay(EventRef event) {
  const Uuid conversation = event->conversation;
  AtHome(conversation, [event = std::move(event)](Home& home) { home.Relay(event); });
}

void Hub::Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done) {
  AtHome(conversation,
         [conversation, since, answer = Here<Result<PageRef>>(std::move(done))](
             Home& home) mutable { home.Read(conversation, since, std::move(answer)); });
}

void Hub::Announce(std::vector<UserId> users, EventRef created) {
  const auto shared = std::make_shared<const std::vector<UserId>>(std::move(users));
  for (Hub* hub : hubs_) {
    hub->self_.Post([hub, shared, created] { hub->OnAnnounced(*shared, created); });
  }
}

void Hub::OnAnnounced(std::span<const UserId> users, const EventRef& created) {
  if (users_.empty()) return;
  for (const UserId& user : users) {
    auto [at, end] = users_.equal_range(user);
    for (; at != end; ++at) at->second->OnJoined(created->conversation, created);
  }
}

// --- from home to the listeners

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

void Hub::OnEvents(std::span<const EventRef> events) {
  while (!events.empty()) {
    const EventRef& first = events.front();
    size_t run = 1;
    if (first->seq == 0) {
      table_.ForEach(first->conversation, [&](Feed& feed) {
        if (feed.state() == Feed::State::kLive) feed.sink().SendEphemeral(*first);
      });
    } else {
      while (run < events.size() && events[run]->seq != 0 &&
             events[run]->conversation == first->conversation) {
        ++run;
      }
      table_.Deliver(events.first(run));
      if (clock_ != nullptr) MeasureDelivery(events.first(run));
    }
    events = events.subspan(run);
  }
}

}  // namespace parley

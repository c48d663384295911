#include "test/support/model_reader.h"

#include <algorithm>
#include <optional>

#include "protocol/events.h"

namespace parley::test {

ModelConnection::ModelConnection(ReaderWorld& world, Hub& hub, StepExecutor& shard, UserId user,
                                 size_t limit)
    : world_(world),
      hub_(hub),
      shard_(shard),
      user_(std::move(user)),
      limit_(limit),
      self_(std::make_shared<ModelConnection*>(this)) {}

ModelConnection::~ModelConnection() {
  *self_ = nullptr;
  for (auto& [conversation, stream] : streams_) hub_.Unsubscribe(stream.feed);
}

std::string ModelConnection::Place(const Stream& stream, int64_t seq) const {
  return " (user " + user_ + ", conversation " + stream.feed.conversation().ToString() +
         ", queued " + std::to_string(stream.queued) + ", now " + std::to_string(seq) + ")";
}

// --- opening

void ModelConnection::OpenConversation(const Uuid& conversation, std::optional<int64_t> since) {
  Stream& stream = AddStream(conversation, 0);
  hub_.Subscribe(stream.feed, user_, false,
                 [this, since](Feed& feed, Result<Subscription> subscription) {
                   CheckShard();
                   Stream& found = streams_.at(feed.conversation());
                   if (!CheckSubscription(found, subscription)) {
                     ended_ = true;
                     return;
                   }
                   found.subscribed = true;
                   if (since) return Resume(feed.conversation(), *since);
                   found.queued = found.base = subscription->head;
                   feed.HoldAt(subscription->head);
                   feed.Start(subscription->head);
                 });
}

ModelConnection::Stream& ModelConnection::AddStream(const Uuid& conversation, int64_t from) {
  Stream& stream =
      streams_.try_emplace(conversation, conversation, static_cast<FeedSink&>(*this)).first->second;
  stream.queued = stream.base = from;
  stream.member_changes = world_.store.member_changes(conversation);
  stream.was_member = world_.store.IsMember(conversation, user_);
  stream.members_known = world_.member_acks[conversation] == stream.member_changes;
  return stream;
}

bool ModelConnection::CheckSubscription(const Stream& stream,
                                        const Result<Subscription>& subscription) {
  const Uuid& conversation = stream.feed.conversation();
  const bool certain =
      stream.members_known && world_.store.member_changes(conversation) == stream.member_changes;
  if (subscription) {
    world_.Check(stream.was_member || !certain || (!world_.one_node && user_ != "stranger"),
                 "nobody else is let in" + Place(stream, 0));
    return true;
  }
  const bool refused = subscription.error().code == ErrorCode::not_participant;
  world_.Check(!refused || !stream.was_member || !certain,
               "who is in is let in" + Place(stream, 0));
  return false;
}

void ModelConnection::OnRemoved(Feed& feed, const Event&) {
  CheckShard();
  const Uuid conversation = feed.conversation();
  // The user may have rejoined: then the removal arrived late, and the client reconnects.
  world_.Check(world_.store.RemovalAsked(conversation, user_),
               "only removed users lose their subscription" + Place(streams_.at(conversation), 0));
  ++world_.removed;
  if (user_socket_) return Unsubscribe(conversation);
  ended_ = true;
}

void ModelConnection::OpenUser(bool hold) {
  user_socket_ = true;
  hold_ = hold;
  world_.store.ListUserHeads(user_, std::nullopt, shard_,
                             [self = self_](Result<UserConversations> listed) {
                               if (*self == nullptr) return;
                               ModelConnection& connection = **self;
                               if (!listed) {
                                 connection.ended_ = true;
                                 return;
                               }
                               for (const UserConversationHead& head : listed->heads) {
                                 connection.Follow(head.conversation_id, head.seq);
                               }
                             });
}

void ModelConnection::Follow(const Uuid& conversation, int64_t from) {
  if (streams_.contains(conversation)) return;
  Stream& stream = AddStream(conversation, from);
  stream.feed.HoldAt(from);
  hub_.Subscribe(stream.feed, user_, false, [this](Feed& feed, Result<Subscription> subscription) {
    if (!CheckSubscription(streams_.at(feed.conversation()), subscription)) {
      if (subscription.error().code == ErrorCode::not_participant) {
        return Unsubscribe(feed.conversation());
      }
      ended_ = true;
      return;
    }
    streams_.at(feed.conversation()).subscribed = true;
    if (!hold_) feed.Start(subscription->head);
  });
}

// --- delivery

void ModelConnection::Queue(const Uuid& conversation, int64_t seen_through, size_t bytes) {
  outbox_.push_back({conversation, seen_through, bytes});
  bytes_ += bytes;
  if (bytes_ >= limit_) was_full_ = true;
}

SendStatus ModelConnection::SendEvent(const Event& event) {
  CheckShard();
  if (ended_ || bytes_ >= limit_) {
    ++world_.fell_behind;
    return SendStatus::kFull;
  }
  Stream& stream = streams_.at(event.conversation);
  world_.Check(event.seq == stream.queued + 1,
               "the next event follows the last" + Place(stream, event.seq));
  if (!world_.store_goes_back) {
    world_.Check(event.seq <= world_.store.head(event.conversation),
                 "nothing goes out before its commit" + Place(stream, event.seq));
    const Message* stored = world_.store.Find(event.conversation, event.seq);
    world_.Check(stored == nullptr || MessageEvent(*stored)->json == event.json,
                 "what goes out is what was stored" + Place(stream, event.seq));
  }
  stream.queued = event.seq;
  stream.held[event.seq] = event.json;
  ++world_.events;
  Queue(event.conversation, event.seq, event.json.size());
  return SendStatus::kQueued;
}

void ModelConnection::SendEphemeral(const Event& event) {
  CheckShard();
  const Stream& stream = streams_.at(event.conversation);
  // A user socket's conversations are those that the store has just listed.
  world_.Check((stream.subscribed || user_socket_) && stream.feed.state() == Feed::State::kLive,
               "only live feeds receive typing" + Place(stream, 0));
}

bool ModelConnection::SendPresence(std::span<const EventRef> events) {
  CheckShard();
  for (const EventRef& event : events) {
    const Stream& stream = streams_.at(event->conversation);
    world_.Check(stream.feed.state() != Feed::State::kHeld,
                 "held feeds receive no presence" + Place(stream, 0));
  }
  return true;
}

void ModelConnection::SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) {
  CheckShard();
  if (ended_) return;
  Stream& stream = streams_.at(conversation);
  const std::string place = Place(stream, from) + " to " + std::to_string(to);
  if (reset) {
    ++world_.resets;
    world_.Check(world_.store_goes_back || world_.claimed_futures.contains({conversation, to}),
                 "only a resume beyond the head is reset" + place);
    world_.Check(to == stream.queued && from <= to, "a reset names the seq of the resume" + place);
    world_.Check(from - 1 >= stream.must_reach, "a reset goes to the head" + place);
    stream.queued = from - 1;
    stream.base = std::min(stream.base, stream.queued);
    stream.held.erase(stream.held.upper_bound(stream.queued), stream.held.end());
  } else {
    ++world_.gaps;
    world_.Check(from == stream.queued + 1 && to >= from, "a gap follows the last event" + place);
    for (int64_t seq = from; seq <= to && world_.broken.empty(); ++seq) {
      const bool deleted =
          seq <= world_.store.head(conversation) && !world_.store.Has(conversation, seq);
      world_.Check(deleted || world_.store_goes_back, "a gap names deleted events only" + place);
    }
    stream.queued = to;
  }
  if (!HasRoom()) ++stream.gaps_over_limit;
  world_.Check(stream.gaps_over_limit <= 2,
               "a client that does not read receives no further frames" + place);
  Queue(conversation, stream.queued, 100);
}

void ModelConnection::Fetch(Feed& feed) {
  ++streams_.at(feed.conversation()).fetches;
  hub_.Fetch(feed);
}

void ModelConnection::Fetched(Feed& feed) {
  CheckShard();
  Stream& stream = streams_.at(feed.conversation());
  world_.Check(stream.fetches > 0, "every fetch is answered once");
  --stream.fetches;
}

void ModelConnection::FetchFailed(Feed& feed) {
  CheckShard();
  world_.Check(feed.state() == Feed::State::kFetching, "only a pending fetch can fail");
  ++world_.failed;
  ended_ = true;
}

void ModelConnection::CaughtUp(Feed& feed) {
  CheckShard();
  Stream& stream = streams_.at(feed.conversation());
  world_.Check(stream.resuming, "a resume ends once" + Place(stream, stream.queued));
  world_.Check(stream.queued >= stream.must_reach, "a resume ends at the head, which was " +
                                                       std::to_string(stream.must_reach) +
                                                       Place(stream, stream.queued));
  stream.resuming = false;
  ++world_.caught_up;
}

// --- requests of the client

std::vector<Uuid> ModelConnection::Streams() const {
  std::vector<Uuid> out;
  for (const auto& [conversation, stream] : streams_) {
    // As in Session: a conversation socket accepts no commands before it is established.
    if (stream.subscribed || user_socket_) out.push_back(conversation);
  }
  return out;
}

void ModelConnection::Resume(const Uuid& conversation, int64_t seq) {
  Stream& stream = streams_.at(conversation);
  stream.queued = stream.base = seq;
  stream.held.clear();
  stream.resuming = true;
  if (seq > world_.store.head(conversation)) world_.claimed_futures.insert({conversation, seq});
  // A page in flight for an earlier request may answer this one.
  const bool knows_head = stream.fetches == 0 && world_.acknowledged_is_known;
  stream.must_reach = knows_head ? world_.acknowledged[conversation] : 0;
  stream.feed.Resume(seq);
}

void ModelConnection::Release() {
  if (!std::exchange(hold_, false)) return;
  for (auto& [conversation, stream] : streams_) stream.feed.StartWithFetch();
}

void ModelConnection::Unsubscribe(const Uuid& conversation) {
  const auto found = streams_.find(conversation);
  hub_.Unsubscribe(found->second.feed);
  streams_.erase(found);
}

std::pair<Uuid, int64_t> ModelConnection::ReadFrame() {
  const Queued frame = outbox_.front();
  outbox_.pop_front();
  bytes_ -= frame.bytes;
  if (was_full_ && bytes_ <= limit_ / 2) {
    was_full_ = false;
    for (auto& [conversation, stream] : streams_) {
      stream.gaps_over_limit = 0;
      stream.feed.OnDrained();
    }
  }
  return {frame.conversation, frame.seen_through};
}

void ModelConnection::CheckComplete() {
  for (auto& [conversation, stream] : streams_) {
    const int64_t head = world_.store.head(conversation);
    const std::string place =
        Place(stream, head) + " state " + std::to_string(static_cast<int>(stream.feed.state()));
    world_.Check(stream.subscribed, "every subscription is answered" + place);
    world_.Check(world_.store.IsMember(conversation, user_),
                 "who was removed does not listen" + place);
    world_.Check(stream.queued == head, "a client that reads receives every event" + place);
    world_.Check(stream.feed.state() == Feed::State::kLive, "who has everything is live" + place);
    world_.Check(!stream.resuming, "every resume ends" + place);
    world_.Check(stream.fetches == 0, "every fetch is answered" + place);
    CheckHeld(stream, head);
  }
}

void ModelConnection::CheckHeld(const Stream& stream, int64_t head) {
  const Uuid& conversation = stream.feed.conversation();
  for (int64_t seq = stream.base + 1; seq <= head && world_.broken.empty(); ++seq) {
    if (!world_.store.Has(conversation, seq)) continue;
    const auto found = stream.held.find(seq);
    world_.Check(found != stream.held.end(), "everything stored has come" + Place(stream, seq));
    if (found == stream.held.end() || world_.store.Find(conversation, seq) == nullptr) continue;
    world_.Check(found->second == world_.store.FrameAt(conversation, seq),
                 "what has come is what is stored" + Place(stream, seq));
  }
  world_.Check(stream.held.empty() || stream.held.rbegin()->first <= head,
               "what is no longer stored is taken back" + Place(stream, head));
}

// --- the client device

int64_t ModelReader::SomeSeq(const Uuid& conversation) {
  const int64_t head = world_.store.head(conversation);
  switch (world_.random.Below(8)) {
    case 0:
      return 0;
    case 1:
      return head;
    case 2:
      return std::max<int64_t>(0, head - 1);
    case 3:
      return head + 1;
    case 4:
      return head + 5;
    case 5:
      return world_.random.OneIn(4) ? kBeyondEveryHead : world_.random.Between(0, head);
    default:
      return seen_.contains(conversation) ? seen_[conversation] : world_.random.Between(0, head);
  }
}

void ModelReader::Connect(bool honest) {
  connection_ = std::make_unique<ModelConnection>(world_, hub_, shard_, user_, limit_);
  if (!honest && world_.random.OneIn(3)) {
    return connection_->OpenUser(!user_.starts_with("stranger") && world_.random.OneIn(2));
  }
  std::vector<Uuid> choice = world_.conversations;
  if (honest)
    std::erase_if(choice, [&](const Uuid& id) { return !world_.store.IsMember(id, user_); });
  const Uuid conversation = choice[world_.random.Below(choice.size())];
  std::optional<int64_t> since;
  if (seen_.contains(conversation)) since = seen_[conversation];
  if (!honest && world_.random.OneIn(2)) since = SomeSeq(conversation);
  if (!honest && world_.random.OneIn(4)) since = std::nullopt;
  connection_->OpenConversation(conversation, since);
}

void ModelReader::ReadOne() {
  const auto [conversation, seq] = connection_->ReadFrame();
  seen_[conversation] = seq;
}

void ModelReader::Act() {
  if (connection_ == nullptr) return Connect(false);
  if (connection_->ended()) return Leave();
  const size_t choice = world_.random.Below(32);
  if (choice < 24) {
    for (size_t frames = world_.random.Below(12); frames > 0 && !connection_->empty(); --frames) {
      ReadOne();
    }
  } else if (choice == 24) {
    Leave();
  } else if (choice < 30) {
    const std::vector<Uuid> streams = connection_->Streams();
    if (streams.empty() || !connection_->HasRoom())
      return;  // commands are not read while the outbox is full
    const Uuid conversation = streams[world_.random.Below(streams.size())];
    if (choice == 29) return connection_->Unsubscribe(conversation);
    connection_->Resume(conversation, SomeSeq(conversation));
    connection_->Release();
  } else {
    connection_->Release();
  }
}

bool ModelReader::Settle() {
  if (connection_ != nullptr && connection_->ended()) Leave();
  if (connection_ == nullptr) {
    const bool member = std::ranges::any_of(
        world_.conversations, [&](const Uuid& id) { return world_.store.IsMember(id, user_); });
    if (!member) return false;
    Connect(true);
    return true;
  }
  connection_->Release();
  if (connection_->empty()) return false;
  ReadOne();
  return true;
}

}  // namespace parley::test

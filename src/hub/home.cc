#include "hub/home.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "hub/home_room.h"

namespace parley {
Home::Home(Executor& self, Store& store, HomeOutlet& outlet, HubCounters& counters,
           HomeOptions options)
    : self_(self),
      store_(store),
      outlet_(outlet),
      counters_(counters),
      options_(options),
      outgoing_(options.shards),
      wire_(options.wire) {}

Home::~Home() = default;

// --- rooms

Home::Room& Home::Touch(const Uuid& conversation) {
  const auto found = by_id_.find(conversation);
  if (found != by_id_.end()) {
    rooms_.splice(rooms_.begin(), rooms_, found->second);
  } else {
    Evict();
    rooms_.emplace_front(conversation, member_index_);
    by_id_.emplace(conversation, rooms_.begin());
  }
  return rooms_.front();
}

void Home::Evict() {
  // The back of the list is what was used least recently; a few that are in use may be in the way.
  auto candidate = rooms_.end();
  for (int looked = 0;
       looked < 8 && candidate != rooms_.begin() &&
       (rooms_.size() > options_.idle_conversations || tail_bytes_ > options_.tail_bytes);
       ++looked) {
    --candidate;
    tail_bytes_ -= candidate->tail.bytes();
    candidate->tail.Clear();
    if (rooms_.size() > options_.idle_conversations && candidate->Idle()) {
      by_id_.erase(candidate->id);
      candidate = rooms_.erase(candidate);
    }
  }
}

void Home::WithRoom(const Uuid& conversation, Load then) {
  Room& room = Touch(conversation);
  if (room.loaded) return then(&room);
  room.waiting.push_back(std::move(then));
  if (!room.loading) LoadRoom(room);
}

void Home::LoadRoom(Room& room) {
  room.loading = true;
  room.heard_since_load_began = Mirrors(room);
  to_load_.push_back(room.id);
  if (!collecting_loads_) StartLoads();
}

void Home::StartLoads() {
  while (!to_load_.empty() && loads_under_way_ < kLoadsAtOnce) {
    const size_t count = std::min(to_load_.size(), kRoomsInALoad);
    const auto end = to_load_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Uuid> some(to_load_.begin(), end);
    to_load_.erase(to_load_.begin(), end);
    ++loads_under_way_;
    store_.LoadHeads(some, options_.live_participants, self_,
                     [this, some](Result<std::vector<LoadedHead>> loaded) {
                       --loads_under_way_;
                       OnLoadedTogether(some, std::move(loaded));
                       StartLoads();
                     });
  }
}

void Home::OnLoadedTogether(const std::vector<Uuid>& asked,
                            Result<std::vector<LoadedHead>> loaded) {
  std::unordered_map<Uuid, ConversationHead*> heads;
  if (loaded) {
    for (LoadedHead& one : *loaded) heads.emplace(one.conversation, &one.head);
  }
  for (const Uuid& conversation : asked) {
    if (!loaded) {
      OnLoaded(conversation, Fail(loaded.error()));
    } else if (const auto found = heads.find(conversation); found != heads.end()) {
      OnLoaded(conversation, std::move(*found->second));
    } else {
      OnLoaded(conversation, Fail(Error::NotFound()));
    }
  }
}

void Home::OnLoaded(const Uuid& conversation, Result<ConversationHead> loaded) {
  Room& room = Touch(conversation);
  room.loading = false;
  std::vector<Load> waiting = std::move(room.waiting);
  room.waiting.clear();
  if (!loaded) {
    room.listeners = 0;
    for (Load& then : waiting) then(Fail(loaded.error()));
    return;
  }
  if (Mirrors(room) && !room.heard_since_load_began) {
    room.waiting = std::move(waiting);
    return LoadRoom(room);
  }
  if (loaded->seq < room.members_seq && room.loads_again < kLoadsAgain) {
    // Read before a change of its members that we have heard of since.
    ++room.loads_again;
    room.waiting = std::move(waiting);
    return LoadRoom(room);
  }
  room.loads_again = 0;
  room.loaded = Mirrors(room);
  room.members_from = loaded->seq;
  room.participant_count = loaded->participant_count;
  room.participants = std::move(loaded->participants);
  if (!std::exchange(room.head_known, room.loaded)) room.head = loaded->seq;
  for (Load& then : waiting) then(&room);
  if (!room.loaded) return;
  // What is known to have come since, or came while the head was being read, goes out now.
  CatchUp(room, loaded->seq);
  std::erase_if(room.early, [&](const auto& early) { return early.first <= room.head; });
  if (!room.early.empty()) {
    EventRef next = std::move(room.early.begin()->second);
    room.early.erase(room.early.begin());
    Offer(room, std::move(next));
  }
}

void Home::CheckMember(Room& room, const UserId& user, std::optional<int64_t> member_at,
                       UniqueFunction<void(Result<bool>)> then) {
  if (!room.participants.empty()) {
    const bool in = std::ranges::find(room.participants, user) != room.participants.end();
    // Another node may have let them in just now.
    if (in || wire_ == nullptr) return then(in);
  }
  if (room.known_members.contains(user)) return then(true);
  if (member_at && *member_at >= std::max(room.members_from, room.members_seq)) return then(true);
  ++room.in_flight;
  store_.IsParticipant(room.id, user, self_,
                       [this, id = room.id, as_of = room.members_seq, user,
                        then = std::move(then)](Result<bool> is) mutable {
                         Room& found = Touch(id);
                         --found.in_flight;
                         if (is && as_of != found.members_seq) {
                           return CheckMember(found, user, std::nullopt, std::move(then));
                         }
                         if (is && *is) {
                           if (found.known_members.size() >= kKnownMembers)
                             found.known_members.clear();
                           found.known_members.insert(user);
                         }
                         then(std::move(is));
                       });
}

// --- listening

void Home::Admit(const Uuid& conversation, const UserId& user, bool as_service, unsigned shard,
                 Resolve<Result<Admission>> done, std::optional<int64_t> member_at) {
  // Before anything is awaited, so that no event can slip between the answer and the listening.
  Room& heard = Touch(conversation);
  heard.listeners |= uint64_t{1} << shard;
  Follow(heard);
  WithRoom(conversation, [this, user, as_service, member_at,
                          done = std::move(done)](Result<Room*> room) mutable {
    if (!room) {
      if (room.error().code != ErrorCode::not_found) return done(Fail(room.error()));
      return done(Fail(ErrorCode::not_participant, "You are not in this conversation."));
    }
    auto admit = [this, id = (*room)->id, done = std::move(done)](Result<bool> member) mutable {
      if (!member) return done(Fail(member.error()));
      if (!*member) {
        return done(Fail(ErrorCode::not_participant, "You are not in this conversation."));
      }
      const Room& found = Touch(id);
      done(Admission{found.head, found.participant_count, found.participants.users()});
    };
    if (as_service) return admit(true);
    CheckMember(**room, user, member_at, std::move(admit));
  });
}

void Home::Unlisten(const Uuid& conversation, unsigned shard) {
  const auto found = by_id_.find(conversation);
  if (found == by_id_.end()) return;
  Room& room = *found->second;
  room.listeners &= ~(uint64_t{1} << shard);
  if (room.listeners != 0 || !room.followed) return;
  room.empty_since = Now();
  empty_.emplace_back(conversation, room.empty_since);
}

bool Home::Mirrors(const Room& room) const { return wire_ == nullptr || room.followed; }

bool Home::MayHear(const Room& room) const {
  return room.loaded && room.participant_count <= static_cast<int64_t>(options_.live_participants);
}

// --- events

void Home::Send(NewMessage message, Resolve<Result<StoredMessage>> done) {
  const Uuid id = message.conversation_id;
  // With other nodes, memory may not know yet who came in, so only the commit refuses.
  if (wire_ != nullptr) return Insert(Touch(id), std::move(message), std::move(done));
  WithRoom(id, [this, message = std::move(message),
                done = std::move(done)](Result<Room*> found) mutable {
    if (!found && found.error().code == ErrorCode::not_found) {
      return done(Fail(ErrorCode::not_participant, "You are not in this conversation."));
    }
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    const bool outsider =
        !message.as_service && !room.participants.empty() &&
        std::ranges::find(room.participants, message.sender_id) == room.participants.end();
    if (outsider) {
      return done(Fail(ErrorCode::not_participant, "You are not in this conversation."));
    }
    Insert(room, std::move(message), std::move(done));
  });
}

void Home::Insert(Room& room, NewMessage message, Resolve<Result<StoredMessage>> done) {
  typists_.End(room.id, message.sender_id, Now());  // before the message
  ++room.in_flight;
  store_.InsertMessage(
      std::move(message), self_,
      [this, conversation = room.id, done = std::move(done)](Result<StoredMessage> stored) mutable {
        OnStored(conversation, stored);
        done(std::move(stored));
      });
}

void Home::OnStored(const Uuid& conversation, Result<StoredMessage>& stored) {
  Room& room = Touch(conversation);
  --room.in_flight;
  if (!stored) return;
  // A repeat of what we never heard was stored (its first answer was `outcome_unknown`) is news.
  if (stored->duplicate && stored->message.seq <= room.head) {
    counters_.duplicates.Add();
    return;
  }
  counters_.messages.Add();
  const EventRef event = MessageEvent(stored->message, Now());
  if (wire_ != nullptr) wire_->Tell(*event, {});
  OfferOwn(room, event);
}

void Home::OfferOwn(Room& room, EventRef event) {
  if (room.loaded) return Offer(room, std::move(event));
  // Whoever comes next reads how far it is.
  if (!Mirrors(room) || (room.listeners == 0 && !room.loading)) return;
  room.early.emplace(event->seq, std::move(event));
  Bound(room);
}

void Home::Offer(Room& room, EventRef event) {
  if (event->seq <= room.head) return;
  if (event->seq > room.head + 1) {
    room.early.emplace(event->seq, std::move(event));
    Bound(room);
    return FillGap(room);
  }
  Append(room, std::move(event));
  while (!room.early.empty() && room.early.begin()->first <= room.head + 1) {
    EventRef next = std::move(room.early.begin()->second);
    room.early.erase(room.early.begin());
    if (next->seq == room.head + 1) Append(room, std::move(next));
  }
}

void Home::Append(Room& room, EventRef event) {
  room.head = event->seq;
  const size_t before = room.tail.bytes();
  room.tail.Push(event);
  tail_bytes_ += room.tail.bytes() - before;
  LetOut(room, std::move(event));
}

void Home::FillGap(Room& room) {
  if (room.filling_gap) return;
  room.filling_gap = true;
  ++room.in_flight;
  counters_.store_reads.Add();
  store_.ReadChanges(room.id, room.head, static_cast<int>(kPageEvents), self_,
                     [this, id = room.id, since = room.head](Result<ChangesSince> changes) {
                       Room& found = Touch(id);
                       found.filling_gap = false;
                       --found.in_flight;
                       if (!changes) {
                         // Listeners that see the next event find the jump and fetch for
                         // themselves.
                         log::warn("gap not filled conversation={} error={}", id.ToString(),
                                   Name(changes.error().code));
                         return;
                       }
                       OnGapRead(found, since, *changes);
                     });
}

void Home::OnGapRead(Room& room, int64_t since, const ChangesSince& changes) {
  if (!Mirrors(room) || !room.head_known) return;  // nobody listens any more
  for (const Change& change : changes.changes) {
    if (change.seq <= room.head) continue;
    const EventRef event = ChangeEvent(change);
    if (event->subject != event->seq) ForgetInTail(room, event->subject);
    if (change.kind == ChangeKind::kConversationUpdated) ReloadMembers(room);
    Offer(room, event);
  }
  const bool whole = changes.changes.size() < kPageEvents;
  if (whole && !room.early.empty() && room.early.begin()->first <= changes.head) {
    // What is still missing before the first early event is gone from the store.
    room.head = std::max(room.head, room.early.begin()->first - 1);
    EventRef next = std::move(room.early.begin()->second);
    room.early.erase(room.early.begin());
    Offer(room, std::move(next));
  } else if (whole) {
    room.head = std::max(room.head, std::min(room.store_head, changes.head));
  }
  const bool behind = !room.early.empty() || room.store_head > room.head;
  if (room.head > since) room.fills_in_vain = 0;
  if (behind && ++room.fills_in_vain > kLoadsAgain) {
    room.early.clear();
    room.store_head = room.head;
    room.fills_in_vain = 0;
    log::warn("events that are not in the store conversation={}", room.id.ToString());
  } else if (behind) {
    FillGap(room);
  }
}

void Home::LetOut(Room& room, EventRef event) {
  for (uint64_t left = room.listeners; left != 0; left &= left - 1) {
    outgoing_[static_cast<size_t>(std::countr_zero(left))].push_back(event);
  }
  if (room.listeners == 0 || flush_posted_) return;
  flush_posted_ = true;
  // Behind the batch of commits at hand: its events go to each shard in one post.
  self_.Post([this] { FlushOutgoing(); });
}

void Home::FlushOutgoing() {
  flush_posted_ = false;
  for (unsigned shard = 0; shard < outgoing_.size(); ++shard) {
    if (!outgoing_[shard].empty()) outlet_.Deliver(shard, std::exchange(outgoing_[shard], {}));
  }
}

void Home::Relay(EventRef event, bool everywhere) {
  if (everywhere && wire_ != nullptr) wire_->Tell(*event, {});
  const auto found = by_id_.find(event->conversation);
  if (found != by_id_.end() && MayHear(*found->second)) LetOut(*found->second, std::move(event));
}

// --- pages

void Home::Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done) {
  WithRoom(conversation, [this, since, done = std::move(done)](Result<Room*> found) mutable {
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    if (since == room.head || room.tail.Covers(since)) {
      auto page = std::make_shared<Page>();
      page->conversation = room.id;
      page->since = since;
      page->head = room.head;
      if (since < room.head) page->events = room.tail.After(since, kPageEvents, kPageBytes);
      page->through = page->events.empty() ? room.head : page->events.back()->seq;
      return done(PageRef(std::move(page)));
    }
    ReadFromStore(room, since, std::move(done));
  });
}

void Home::ReadFromStore(Room& room, int64_t since, Resolve<Result<PageRef>> done) {
  for (Room::PendingRead& read : room.reads) {
    if (read.since == since) return read.waiting.push_back(std::move(done));
  }
  room.reads.push_back({since, {}});
  room.reads.back().waiting.push_back(std::move(done));
  counters_.store_reads.Add();
  store_.ReadChanges(room.id, since, static_cast<int>(kPageEvents), self_,
                     [this, id = room.id, since](Result<ChangesSince> changes) {
                       OnChanges(id, since, std::move(changes));
                     });
}

void Home::OnChanges(const Uuid& conversation, int64_t since, Result<ChangesSince> changes) {
  Room& room = Touch(conversation);
  const auto read = std::ranges::find(room.reads, since, &Room::PendingRead::since);
  auto waiting = std::move(read->waiting);
  room.reads.erase(read);
  if (!changes) {
    for (auto& done : waiting) done(Fail(changes.error()));
    return;
  }
  auto page = std::make_shared<Page>();
  page->conversation = conversation;
  page->since = since;
  page->head = room.head;
  size_t bytes = 0;
  for (const Change& change : changes->changes) {
    if (bytes > kPageBytes) break;
    page->events.push_back(ChangeEvent(change));
    bytes += page->events.back()->frame.size();
  }
  // Only the store may say that a client's future does not exist: our head may be the one behind.
  if (since > std::max(room.head, changes->head)) {
    page->reset = true;
    page->head = std::max(room.head, changes->head);
  }
  const bool all =
      page->events.size() == changes->changes.size() && changes->changes.size() < kPageEvents;
  page->through = page->reset ? page->head
                  : all       ? std::max(since, changes->head)
                              : page->events.back()->seq;
  const PageRef shared = std::move(page);
  for (auto& done : waiting) done(shared);
}

}  // namespace parley

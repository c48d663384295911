// Home: loading rooms, and subscriptions.
#include "hub/home.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "hub/home_room.h"

namespace parley {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{100}, kLongestBackoff{3'000};
constexpr size_t kRetriesInATick = 256;

}  // namespace

Home::Home(Executor& self, HomeStore& store, HomeSink& sink, HubCounters& counters,
           HomeOptions options)
    : self_(self),
      store_(store),
      sink_(sink),
      counters_(counters),
      options_(options),
      rooms_(std::make_unique<Rooms>(options.idle_conversations, options.tail_bytes, counters,
                                     unverified_removals_)),
      broadcasts_(options.shards),
      jitter_(options.jitter_seed) {}

Home::~Home() = default;

bool Home::HasAuthoritativeCache(const Room& room) const {
  return !options_.other_writers || room.followed;
}

bool Home::AllowsEphemeral(const Room& room) const {
  return room.members_known &&
         room.participant_count <= static_cast<int64_t>(options_.live_participants);
}

// --- loading

void Home::WithRoom(const Uuid& conversation, Load then) {
  Room& room = rooms_->Touch(conversation);
  if (room.head_known && room.MembersFresh()) return then(&room);
  room.waiting.push_back(std::move(then));
  if (!room.loading) LoadRoom(room);
}

void Home::WithHead(const Uuid& conversation, Load then) {
  Room& room = rooms_->Touch(conversation);
  if (room.head_known) return then(&room);
  WithRoom(conversation, std::move(then));
}

void Home::LoadRoom(Room& room) {
  room.loading = true;
  room.followed_since_load_began = HasAuthoritativeCache(room);
  rooms_->Use(room);
  to_load_.push_back(room.id);
  if (!collecting_loads_) StartLoads();
}

void Home::StartLoads() {
  while (!to_load_.empty() && loads_under_way_ < kLoadsAtOnce) {
    const size_t count = std::min(to_load_.size(), kRoomsInALoad);
    const auto end = to_load_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Uuid> some(to_load_.begin(), end);
    to_load_.erase(to_load_.begin(), end);
    std::vector<std::pair<Uuid, ReadContext>> contexts;
    for (const Uuid& id : some) {
      Room& room = rooms_->Touch(id);
      room.members_stale = false;  // a change that arrives meanwhile sets it again
      contexts.emplace_back(id, CurrentContext(room));
    }
    ++loads_under_way_;
    store_.LoadHeads(
        std::move(some), options_.live_participants, self_,
        [this, contexts = std::move(contexts)](Result<std::vector<LoadedHead>> loaded) {
          --loads_under_way_;
          OnBatchLoaded(contexts, std::move(loaded));
          StartLoads();
        });
  }
}

void Home::OnBatchLoaded(const std::vector<std::pair<Uuid, ReadContext>>& contexts,
                         Result<std::vector<LoadedHead>> loaded) {
  std::unordered_map<Uuid, ConversationHead*> heads;
  if (loaded) {
    for (LoadedHead& one : *loaded) heads.emplace(one.conversation, &one.head);
  }
  for (const auto& [conversation, known] : contexts) {
    if (!loaded) {
      OnLoaded(conversation, known, Fail(loaded.error()));
    } else if (const auto found = heads.find(conversation); found != heads.end()) {
      OnLoaded(conversation, known, std::move(*found->second));
    } else {
      OnLoaded(conversation, known, Fail(Error::NotFound()));
    }
    rooms_->Release(rooms_->Touch(conversation));
  }
}

void Home::OnLoaded(const Uuid& conversation, const ReadContext& context,
                    Result<ConversationHead> loaded) {
  Room& room = rooms_->Touch(conversation);
  room.loading = false;
  std::vector<Load> waiting = std::exchange(room.waiting, {});
  if (!loaded) {
    room.members_stale = true;
    for (Load& then : waiting) then(Fail(loaded.error()));
    const bool gone = loaded.error().code == ErrorCode::not_found;
    if (gone && room.head_known) return BroadcastDeletion(conversation);
    if (!gone) RetryLater(room);
    return;
  }
  if (HasAuthoritativeCache(room) && !room.followed_since_load_began) {
    room.waiting = std::move(waiting);
    return LoadRoom(room);
  }
  if (loaded->seq < room.members_seq && room.reload_attempts < kMaxReloads) {
    // The snapshot is older than a received change of members: read again.
    ++room.reload_attempts;
    room.waiting = std::move(waiting);
    return LoadRoom(room);
  }
  room.backoff = {};
  TakeMembers(room, *loaded);
  const bool kept = HasAuthoritativeCache(room);
  const bool contradicts = kept && Contradicts(room, context, loaded->epoch, loaded->seq);
  if (!room.head_known) {
    room.head = room.stored = loaded->seq;
    room.epoch = loaded->epoch;
    room.stamp = loaded->changed;
    room.stamp_seq = loaded->seq;
  }
  room.head_known = room.members_known = kept;
  for (Load& then : waiting) then(&room);
  if (!kept) return;
  if (room.members_stale && room.subscribers != 0 && !room.loading) LoadRoom(room);
  if (contradicts) return VerifyHead(room, loaded->seq, loaded->epoch);
  // Broadcast the events that were received before or while the head was loaded.
  CatchUp(room, loaded->seq);
  TakeEarlyEvents(room);
}

void Home::TakeMembers(Room& room, ConversationHead& loaded) {
  room.reload_attempts = 0;
  room.members_read = room.members_from = loaded.seq;
  // the store does not have later changes
  room.members_seq = std::min(room.members_seq, loaded.seq);
  room.participant_count = loaded.participant_count;
  room.participants = std::move(loaded.participants);
}

void Home::TakeEarlyEvents(Room& room) {
  if (room.verifying_head) return;
  if (options_.other_writers && !room.early.empty()) {
    // Early events may be from a history that the store has lost: read them from the store.
    const int64_t last = room.early.rbegin()->first;
    rooms_->ClearEarly(room);
    return CatchUp(room, last);
  }
  rooms_->DropEarlyUpTo(room, room.head);
  if (!room.early.empty()) Ingest(room, rooms_->TakeEarly(room));
}

void Home::RetryLater(Room& room) {
  if (room.subscribers == 0 || std::exchange(room.retry_planned, true)) return;
  room.backoff = std::clamp(room.backoff * 2, kFirstBackoff, kLongestBackoff);
  retries_.emplace(Now() + room.backoff + milliseconds(jitter_() % 100), room.id);
}

void Home::Retry(Monotonic now) {
  for (size_t done = 0;
       done < kRetriesInATick && !retries_.empty() && retries_.begin()->first <= now; ++done) {
    Room* room = rooms_->Find(retries_.begin()->second);
    retries_.erase(retries_.begin());
    if (room == nullptr) continue;
    room->retry_planned = false;
    if (room->subscribers == 0 || !HasAuthoritativeCache(*room)) continue;
    if (!room->head_known || room->members_stale || !room->members_known) {
      if (!room->loading) LoadRoom(*room);
    }
    FillIfBehind(*room);
  }
}

void Home::CheckMember(Room& room, const UserId& user, std::optional<int64_t> member_at,
                       UniqueFunction<void(Result<bool>)> then) {
  if (!room.participants.empty()) {
    const bool in = std::ranges::find(room.participants, user) != room.participants.end();
    // Another node may have added the user just now.
    if (in || !options_.other_writers) return then(in);
  }
  if (room.known_members.contains(user)) return then(true);
  if (member_at && *member_at >= std::max(room.members_from, room.members_seq)) return then(true);
  rooms_->Use(room);
  store_.IsParticipant(room.id, user, self_,
                       [this, id = room.id, as_of = room.members_seq, rewinds = room.rewinds, user,
                        then = std::move(then)](Result<bool> is) mutable {
                         Room& found = rooms_->Touch(id);
                         if (is && (as_of != found.members_seq || rewinds != found.rewinds)) {
                           CheckMember(found, user, std::nullopt, std::move(then));
                         } else {
                           if (is && *is) {
                             if (found.known_members.size() >= kKnownMembers)
                               found.known_members.clear();
                             found.known_members.insert(user);
                           }
                           then(std::move(is));
                         }
                         rooms_->Release(found);
                       });
}

// --- subscriptions

void Home::Subscribe(const Uuid& conversation, const UserId& user, bool as_service, unsigned shard,
                     Resolve<Result<Subscription>> done, std::optional<int64_t> member_at) {
  // The shard is registered before any wait, so that no event is missed between the result and the
  // subscription. A caller whose subscription fails calls Unsubscribe.
  Room& subscribing = rooms_->Touch(conversation);
  if (subscribing.subscribers == 0) rooms_->Use(subscribing);
  subscribing.subscribers |= uint64_t{1} << shard;
  Follow(subscribing);
  // retries reads that failed without subscribers
  if (!subscribing.retry_planned) FillIfBehind(subscribing);
  WithRoom(conversation, [this, user, as_service, member_at,
                          done = std::move(done)](Result<Room*> room) mutable {
    if (!room) {
      if (room.error().code != ErrorCode::not_found) return done(Fail(room.error()));
      return done(
          Fail(ErrorCode::not_participant, "You are not a participant of this conversation."));
    }
    auto subscribe = [this, id = (*room)->id, done = std::move(done)](Result<bool> member) mutable {
      if (!member) return done(Fail(member.error()));
      if (!*member) {
        return done(
            Fail(ErrorCode::not_participant, "You are not a participant of this conversation."));
      }
      const Room& found = rooms_->Touch(id);
      done(Subscription{found.head, found.participant_count, found.participants.users()});
    };
    if (as_service) return subscribe(true);
    CheckMember(**room, user, member_at, std::move(subscribe));
  });
}

void Home::Unsubscribe(const Uuid& conversation, unsigned shard) {
  Room* room = rooms_->Find(conversation);
  if (room == nullptr || room->subscribers == 0) return;
  room->subscribers &= ~(uint64_t{1} << shard);
  if (room->subscribers != 0) return;
  room->known_members.clear();
  if (room->followed) {
    room->idle_since = Now();
    idle_followed_.emplace_back(conversation, room->idle_since);
  }
  rooms_->Release(*room);
}

}  // namespace parley

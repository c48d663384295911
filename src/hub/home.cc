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
      rooms_(std::make_unique<Rooms>(options.idle_conversations, options.tail_bytes, counters)),
      broadcasts_(options.shards),
      jitter_(options.jitter_seed) {}

Home::~Home() = default;

bool Home::HasAuthoritativeCache(const Room& room) const {
  return !options_.other_writers || room.followed;
}

bool Home::AllowsEphemeral(const Room& room) const {
  return room.members.known() &&
         room.members.count() <= static_cast<int64_t>(options_.live_participants);
}

// --- loading

void Home::WithRoom(const Uuid& conversation, Load then) {
  Room& room = rooms_->Touch(conversation);
  if (room.log.known() && room.MembersFresh()) return then(&room);
  room.waiting.push_back(std::move(then));
  if (!room.loading) LoadRoom(room);
}

void Home::WithHead(const Uuid& conversation, Load then) {
  Room& room = rooms_->Touch(conversation);
  if (room.log.known()) return then(&room);
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
  while (!to_load_.empty() && loads_in_flight_ < kLoadsAtOnce) {
    const size_t count = std::min(to_load_.size(), kRoomsInALoad);
    const auto end = to_load_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Uuid> some(to_load_.begin(), end);
    to_load_.erase(to_load_.begin(), end);
    Contexts contexts;
    for (const Uuid& id : some) {
      Room& room = rooms_->Touch(id);
      room.members.OnReadBegins();
      contexts.emplace_back(id, room.log.context());
    }
    ++loads_in_flight_;
    store_.LoadHeads(
        std::move(some), options_.live_participants, self_,
        [this, contexts = std::move(contexts)](Result<std::vector<LoadedHead>> loaded) {
          --loads_in_flight_;
          OnBatchLoaded(contexts, std::move(loaded));
          StartLoads();
        });
  }
}

void Home::OnBatchLoaded(const Contexts& contexts, Result<std::vector<LoadedHead>> loaded) {
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
    room.members.OnReadFailed();
    for (Load& then : waiting) then(Fail(loaded.error()));
    const bool gone = loaded.error().code == ErrorCode::not_found;
    if (gone && room.log.known()) return BroadcastDeletion(conversation);
    if (!gone) RetryLater(room);
    return;
  }
  const bool kept = HasAuthoritativeCache(room);
  const bool missed = kept && !room.followed_since_load_began;
  if (missed || (room.members.IsOutdated(loaded->seq) && room.reload_attempts++ < kMaxReloads)) {
    room.waiting = std::move(waiting);
    return LoadRoom(room);
  }
  room.backoff = {};
  room.reload_attempts = 0;
  room.members.OnRead(loaded->seq, loaded->participant_count, std::move(loaded->participants),
                      kept);
  const bool contradicts = kept && room.log.Contradicts(context, loaded->epoch, loaded->seq);
  const ConversationLog::StoreHead head{loaded->seq, loaded->epoch, loaded->changed};
  if (!room.log.known()) room.log.Start(head);
  for (Load& then : waiting) then(&room);
  if (!kept) return Forget(room);
  if (room.members.stale() && room.subscribers != 0 && !room.loading) LoadRoom(room);
  LogStep step;
  if (contradicts) {
    room.log.Verify(head.seq, head.epoch, step);
  } else {
    // Broadcast the events that were received before or while the head was loaded.
    room.log.OnStoreHead(head.seq, step);
    room.log.TakeEarly(!options_.other_writers, step);
  }
  Perform(room, step);
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
    if (!room->log.known() || room->members.stale() || !room->members.known()) {
      if (!room->loading) LoadRoom(*room);
    }
    FillIfBehind(*room);
  }
}

void Home::CheckMember(Room& room, const UserId& user, std::optional<int64_t> member_at,
                       UniqueFunction<void(Result<bool>)> then) {
  const Members::Answer known = room.members.Check(user, member_at, options_.other_writers);
  if (known != Members::Answer::kAskStore) return then(known == Members::Answer::kMember);
  rooms_->Use(room);
  store_.IsParticipant(
      room.id, user, self_,
      [this, id = room.id, version = room.members.version(), rewinds = room.log.rewinds(), user,
       then = std::move(then)](Result<bool> is) mutable {
        Room& found = rooms_->Touch(id);
        if (is && (version != found.members.version() || rewinds != found.log.rewinds())) {
          CheckMember(found, user, std::nullopt, std::move(then));
        } else {
          if (is && *is) found.members.Remember(user);
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
      done(Subscription{found.log.head(), found.members.count(), found.members.Share()});
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
  room->members.ForgetSome();
  if (room->followed) {
    room->idle_since = Now();
    idle_followed_.emplace_back(conversation, room->idle_since);
  }
  rooms_->Release(*room);
}

}  // namespace parley

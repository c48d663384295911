// Home: events of other nodes. They arrive from the bus and are processed like local events: the
// next one is broadcast, a duplicate is dropped, and a gap is filled from the store. Lost events at
// the end of a conversation are found in the store: Cluster reads the changed heads for all homes
// of the node.
#include <algorithm>

#include "base/log.h"
#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCheckWithin{500}, kCheckAgainWithin{2'000};
// maximum delay from a commit to its event, unless it is lost
constexpr milliseconds kOnItsWay{200};
constexpr auto kLinger = std::chrono::seconds(5);
constexpr size_t kHeadsInARead = 512;
constexpr size_t kReadsAtOnce = 2;

}  // namespace

// --- followed conversations

void Home::Follow(Room& room) {
  const bool needed = options_.other_writers || !options_.follow_sinks.empty();
  if (!needed || room.followed) return;
  room.followed = true;
  rooms_->Use(room);
  for (FollowSink* sink : options_.follow_sinks) sink->Follow(room.id);
}

void Home::Forget(Room& room) {
  room.log.Forget();
  room.members.Forget();
  rooms_->LogUsed(room);
}

void Home::UnfollowIdle(Monotonic now) {
  while (!idle_followed_.empty() && idle_followed_.front().second + kLinger <= now) {
    const auto [conversation, since] = idle_followed_.front();
    idle_followed_.pop_front();
    Room* found = rooms_->Find(conversation);
    if (found == nullptr) continue;
    Room& room = *found;
    if (room.subscribers != 0 || !room.followed || room.idle_since != since) continue;
    room.followed = false;
    for (FollowSink* sink : options_.follow_sinks) sink->Leave(conversation);
    if (options_.other_writers) Forget(room);
    rooms_->Release(room);
  }
}

// --- heads

void Home::OnChangedHeads(const std::vector<UserConversationHead>& heads) {
  for (const UserConversationHead& head : heads) {
    Room* found = rooms_->Find(head.conversation_id);
    if (found == nullptr || !found->followed) continue;
    Room& room = *found;
    if (!room.log.known()) {
      CatchUp(room, head.seq);
    } else if (head.epoch != room.log.epoch()) {
      CheckWithin(room, kCheckWithin);  // the result is compared with the cache
    } else if (head.seq > room.log.head()) {
      store_ahead_.push_back({Now(), room.id, head.seq});
    } else if (head.seq == room.log.head()) {
      room.log.Stamp({head.seq, head.epoch, head.changed});
    }
  }
}

void Home::CatchUpWithStore(Monotonic now) {
  for (; !store_ahead_.empty() && store_ahead_.front().since + kOnItsWay <= now;
       store_ahead_.pop_front()) {
    const StoreAhead& ahead = store_ahead_.front();
    Room* room = rooms_->Find(ahead.conversation);
    if (room != nullptr && room->followed) CatchUp(*room, ahead.head);
  }
}

void Home::CheckWithin(Room& room, Duration time) {
  // Jitter: other nodes read the same store at the same time.
  const Monotonic at = Now() + milliseconds(jitter_() % static_cast<uint64_t>(time.count() / 1000));
  if (room.next_check && *room.next_check <= at) return;
  room.next_check = at;
  head_checks_.emplace(at, room.id);
}

void Home::RecheckHeads() {
  rooms_->ForEach([this](Room& room) {
    if (room.followed) CheckWithin(room, kCheckWithin);
  });
}

void Home::CheckHeads(Monotonic now) {
  while (head_reads_ < kReadsAtOnce && !head_checks_.empty() &&
         head_checks_.begin()->first <= now) {
    Contexts contexts;
    while (contexts.size() < kHeadsInARead && !head_checks_.empty() &&
           head_checks_.begin()->first <= now) {
      const auto [at, conversation] = *head_checks_.begin();
      head_checks_.erase(head_checks_.begin());
      Room* found = rooms_->Find(conversation);
      // Otherwise the check was rescheduled.
      if (found == nullptr || found->next_check != at) continue;
      found->next_check.reset();
      if (found->followed) contexts.emplace_back(conversation, found->log.context());
    }
    if (!contexts.empty()) ReadHeads(std::move(contexts));
  }
}

void Home::ReadHeads(Contexts contexts) {
  ++head_reads_;
  std::vector<Uuid> ids;
  for (const auto& [conversation, known] : contexts) ids.push_back(conversation);
  store_.ListHeads(
      std::move(ids), self_,
      [this, contexts = std::move(contexts)](Result<std::vector<UserConversationHead>> heads) {
        --head_reads_;
        OnHeads(contexts, heads);
        CheckHeads(Now());
      });
}

void Home::OnHeads(const Contexts& contexts,
                   const Result<std::vector<UserConversationHead>>& heads) {
  std::unordered_map<Uuid, const UserConversationHead*> found;
  if (heads) {
    for (const UserConversationHead& head : *heads) found.emplace(head.conversation_id, &head);
  }
  for (const auto& [conversation, known] : contexts) {
    Room* at = rooms_->Find(conversation);
    if (at == nullptr || !at->followed) continue;
    Room& room = *at;
    if (!heads) {
      CheckWithin(room, kCheckAgainWithin);
      continue;
    }
    const auto head = found.find(conversation);
    if (head == found.end()) {
      if (room.log.known()) BroadcastDeletion(conversation);
    } else {
      LogStep step;
      room.log.OnHeadRead(known, {head->second->seq, head->second->epoch, head->second->changed},
                          step);
      Perform(room, step);
    }
  }
}

void Home::CatchUp(Room& room, int64_t head) {
  LogStep step;
  room.log.OnStoreHead(head, step);
  Perform(room, step);
}

// --- from other nodes

void Home::IngestRemote(const RemoteEvent& remote) {
  Room* found = rooms_->Find(remote.event->conversation);
  if (found == nullptr || !found->followed) return;
  Room& room = *found;
  const Event& event = *remote.event;
  if (event.removal == Removal::kEveryone) return BroadcastDeletion(room.id);
  UpdateMembers(room, remote.members, event.seq);
  if (event.seq == 0) {
    if (Reaches(room, event)) Broadcast(room, remote.event);
    return;
  }
  if (!event.undelivered_from.empty()) typists_.End(room.id, event.undelivered_from, Now());
  LogStep step;
  ConversationLog& log = room.log;
  if (!log.known()) {
    log.AddEarly(remote.event, step);
    return Perform(room, step);
  }
  if (remote.epoch != 0 && remote.epoch != log.epoch()) {
    log.Verify(std::min(event.seq - 1, log.head()), remote.epoch, step);
  }
  // A duplicate equals the cached event. Otherwise the event may belong to a history that the store
  // has lost: read the head.
  if (event.seq <= log.head() && !log.tail().Holds(event)) CheckWithin(room, kCheckWithin);
  if (event.about_seq != event.seq) log.ForgetMessage(event.about_seq);
  log.Ingest(remote.event, step);
  Perform(room, step);
}

// --- the access log

void Home::OnMemberRemoved(const Uuid& conversation, const UserId& user) {
  Room* room = rooms_->Find(conversation);
  if (room == nullptr || !HasAuthoritativeCache(*room)) return;
  rooms_->Use(*room);
  // The user may have rejoined.
  store_.IsParticipant(
      conversation, user, self_,
      [this, conversation, user, as_of = room->members.version()](Result<bool> is) {
        Room& found = rooms_->Touch(conversation);
        if (!is) {
          unverified_removals_.emplace_back(conversation, user);
        } else if (as_of != found.members.version()) {
          OnMemberRemoved(conversation, user);
        } else if (!*is) {
          found.members.Remove(user, found.log.head());
          typists_.End(conversation, user, Now());
          Broadcast(found, RemovalEvent(conversation, user));
        }
        rooms_->Release(found);
      });
}

void Home::RetryRemovals() {
  for (const auto& [conversation, user] : std::exchange(unverified_removals_, {})) {
    OnMemberRemoved(conversation, user);
  }
}

void Home::Adopt(const Uuid& conversation, UniqueFunction<void()> done) {
  if (!adopting_.insert(conversation).second) return;
  store_.Adopt(
      conversation, self_,
      [this, conversation, done = std::move(done)](const Result<Adopted>& adopted) mutable {
        adopting_.erase(conversation);
        if (!adopted) {
          log::warn("adopting changes of another writer failed conversation={} error={}",
                    conversation.ToString(), Name(adopted.error().code));
          return;
        }
        if (adopted->head == 0 && !adopted->more) return;  // another node was first
        counters_.adopted.Add(static_cast<uint64_t>(adopted->changes));
        Room* room = rooms_->Find(conversation);
        if (room != nullptr && room->followed) CatchUp(*room, adopted->head);
        if (adopted->more) return Adopt(conversation, std::move(done));
        done();
      });
}

void Home::OnConversationDeleted(const Uuid& conversation) {
  const Room* room = rooms_->Find(conversation);
  if (room != nullptr && room->followed) BroadcastDeletion(conversation);
}

}  // namespace parley

// Home: what other nodes do. Their events come over the wire and go the way of our own: the next one
// goes out, a repeat is dropped, a jump is filled from the store. What the wire loses last is found in
// the store: Cluster follows the heads that move, for all homes of the node.
#include <algorithm>

#include "base/log.h"
#include "hub/home_room.h"

namespace parley {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCheckWithin{500}, kCheckAgainWithin{2'000};
constexpr milliseconds kOnItsWay{200};  // from a commit to the event, at most, unless it is lost
constexpr auto kLinger = std::chrono::seconds(5);
constexpr size_t kHeadsInARead = 512;
constexpr size_t kReadsAtOnce = 2;
constexpr size_t kEarlyEvents = 1024;  // that wait for their predecessors; the rest is read again

}  // namespace

// --- what is followed

void Home::Follow(Room& room) {
  if (wire_ == nullptr || room.followed) return;
  room.followed = true;
  wire_->Follow(room.id);
}

void Home::Forget(Room& room) {
  tail_bytes_ -= room.tail.bytes();
  room.tail.Clear();
  room.loaded = false;
  room.head_known = false;
  room.head = 0;
  room.members_seq = room.members_from = 0;
  room.participants.clear();
  room.known_members.clear();
  room.early.clear();
}

void Home::LeaveWhatIsEmpty(Monotonic now) {
  while (!empty_.empty() && empty_.front().second + kLinger <= now) {
    const auto [conversation, since] = empty_.front();
    empty_.pop_front();
    const auto found = by_id_.find(conversation);
    if (found == by_id_.end()) continue;
    Room& room = *found->second;
    if (room.listeners != 0 || !room.followed || room.empty_since != since) continue;
    room.followed = false;
    wire_->Leave(conversation);
    Forget(room);
  }
}

// --- heads

void Home::OnChangedHeads(const std::vector<UserConversationHead>& heads) {
  for (const UserConversationHead& head : heads) {
    const auto found = by_id_.find(head.conversation_id);
    if (found == by_id_.end() || !found->second->followed) continue;
    Room& room = *found->second;
    if (!room.loaded) {
      CatchUp(room, head.seq);
    } else if (head.seq > room.head) {
      ahead_.push_back({Now(), room.id, head.seq});
    }
  }
}

void Home::CatchUpWithStore(Monotonic now) {
  for (; !ahead_.empty() && ahead_.front().since + kOnItsWay <= now; ahead_.pop_front()) {
    const StoreAhead& ahead = ahead_.front();
    const auto found = by_id_.find(ahead.conversation);
    if (found != by_id_.end() && found->second->followed) CatchUp(*found->second, ahead.head);
  }
}

void Home::CheckWithin(Room& room, Duration time) {
  // Spread: other nodes ask the same store at the same time.
  const Monotonic at = Now() + milliseconds(jitter_() % static_cast<uint64_t>(time.count() / 1000));
  if (room.next_check && *room.next_check <= at) return;
  room.next_check = at;
  checks_.emplace(at, room.id);
}

void Home::CheckAllSoon() {
  for (Room& room : rooms_) {
    if (room.followed) CheckWithin(room, kCheckWithin);
  }
}

void Home::CheckHeads(Monotonic now) {
  while (reads_of_heads_ < kReadsAtOnce && !checks_.empty() && checks_.begin()->first <= now) {
    std::vector<Uuid> asked;
    while (asked.size() < kHeadsInARead && !checks_.empty() && checks_.begin()->first <= now) {
      const auto [at, conversation] = *checks_.begin();
      checks_.erase(checks_.begin());
      const auto found = by_id_.find(conversation);
      // Else it was planned anew.
      if (found == by_id_.end() || found->second->next_check != at) continue;
      found->second->next_check.reset();
      if (found->second->followed) asked.push_back(conversation);
    }
    if (!asked.empty()) AskForHeads(std::move(asked));
  }
}

void Home::AskForHeads(std::vector<Uuid> asked) {
  ++reads_of_heads_;
  store_.ListHeads(asked, self_, [this, asked](Result<std::vector<UserConversationHead>> heads) {
    --reads_of_heads_;
    OnHeads(asked, heads);
    CheckHeads(Now());
  });
}

void Home::OnHeads(const std::vector<Uuid>& asked,
                   const Result<std::vector<UserConversationHead>>& heads) {
  std::unordered_map<Uuid, int64_t> found;
  if (heads) {
    for (const UserConversationHead& head : *heads) found.emplace(head.conversation_id, head.seq);
  }
  for (const Uuid& conversation : asked) {
    const auto at = by_id_.find(conversation);
    if (at == by_id_.end() || !at->second->followed) continue;
    Room& room = *at->second;
    if (!heads) {
      CheckWithin(room, kCheckAgainWithin);
      continue;
    }
    const auto head = found.find(conversation);
    if (head == found.end()) {
      if (room.loaded) OnDeleted(conversation);
    } else {
      CatchUp(room, head->second);
    }
  }
}

void Home::CatchUp(Room& room, int64_t head) {
  room.store_head = std::max(room.store_head, head);
  if (room.loaded && room.store_head > room.head) {
    counters_.found_in_store.Add();
    FillGap(room);
  }
}

// --- from other nodes

void Home::OnRemote(const RemoteEvent& remote) {
  const auto found = by_id_.find(remote.event->conversation);
  if (found == by_id_.end() || !found->second->followed) return;
  Room& room = *found->second;
  const Event& event = *remote.event;
  if (event.parting == Parting::kAll) return OnDeleted(room.id);
  UpdateMembers(room, remote.members, event.seq);
  if (event.seq == 0) {
    if (event.parting == Parting::kOne || MayHear(room)) LetOut(room, remote.event);
    return;
  }
  if (!event.undelivered_from.empty()) typists_.End(room.id, event.undelivered_from, Now());
  if (event.subject != event.seq) ForgetInTail(room, event.subject);
  if (room.loaded) return Offer(room, remote.event);
  room.early.emplace(event.seq, remote.event);  // until the head is known
  Bound(room);
}

void Home::Bound(Room& room) {
  if (room.early.size() <= kEarlyEvents) return;
  room.store_head = std::max(room.store_head, room.early.rbegin()->first);
  room.early.erase(std::prev(room.early.end()));
}

// --- what the access log says

void Home::OnParted(const Uuid& conversation, const UserId& user) {
  const auto found = by_id_.find(conversation);
  if (found == by_id_.end() || !found->second->followed) return;
  Room& room = *found->second;
  ++room.in_flight;
  // They may be back by now.
  store_.IsParticipant(conversation, user, self_, [this, conversation, user](Result<bool> is) {
    Room& parted = Touch(conversation);
    --parted.in_flight;
    if (!is) return parted_unsure_.emplace_back(conversation, user), void();
    if (*is) return;
    parted.participants.erase(user);
    parted.known_members.erase(user);
    // Their removal has a seq that we may not have heard of: older snapshots prove nothing.
    parted.members_from = std::max(parted.members_from, parted.head + 1);
    typists_.End(conversation, user, Now());
    LetOut(parted, PartingEvent(conversation, user));
  });
}

void Home::AskAgainWhoParted() {
  for (const auto& [conversation, user] : std::exchange(parted_unsure_, {})) {
    OnParted(conversation, user);
  }
}

void Home::OnGone(const Uuid& conversation) {
  const auto found = by_id_.find(conversation);
  if (found != by_id_.end() && found->second->followed) OnDeleted(conversation);
}

}  // namespace parley

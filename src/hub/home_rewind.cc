// Home: a store that moves back while the node runs. Seqs are assigned in order, so if one event is
// the same in the cache and in the store, all earlier events are the same.
#include <algorithm>

#include "base/log.h"
#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

Home::ReadContext Home::CurrentContext(const Room& room) {
  return {room.head_known ? std::max(room.head, room.stored) : 0, room.rewinds};
}

bool Home::Contradicts(Room& room, const ReadContext& context, uint64_t epoch, int64_t seq) {
  if (!room.head_known) return false;
  if (epoch != room.epoch) return true;
  if (context.rewinds != room.rewinds) return false;
  if (seq < context.head) return true;
  room.stored = std::max(room.stored, seq);
  return false;
}

void Home::CheckCommit(Room& room, const ReadContext& context, uint64_t epoch, int64_t seq,
                       bool is_new) {
  // A duplicate can have any seq.
  if (Contradicts(room, context, epoch, is_new ? seq - 1 : context.head)) {
    VerifyHead(room, std::min(seq - 1, room.head), epoch);
  }
}

void Home::VerifyHead(Room& room, int64_t seq, uint64_t epoch) {
  room.verify_from = room.verifying_head ? std::min(room.verify_from, seq) : seq;
  room.rewind_certain |= epoch == room.epoch;
  room.verifying_head = true;
  FillGap(room);
}

void Home::OnHeadVerified(Room& room, int64_t since, const ChangesSince& changes) {
  if (changes.head < since) {  // the store has moved back further than the result showed
    room.verify_from = changes.head;
    return FillGap(room);
  }
  room.backoff = {};
  int64_t same = since;
  for (const Change& change : changes.changes) {
    if (change.seq <= room.head && room.tail.Holds(*ChangeEvent(change))) same = change.seq;
  }
  const bool other_store = changes.epoch != room.epoch;
  const bool lost = room.rewind_certain || other_store || changes.head < room.head;
  room.stored = changes.head;
  room.verifying_head = room.rewind_certain = false;
  // Early events may belong to the lost history: read from the store instead.
  room.store_head = changes.head;
  if (!room.early.empty()) {
    room.store_head = std::max(room.store_head, room.early.rbegin()->first);
    rooms_->ClearEarly(room);
  }
  if (lost && same < room.head) return Rewind(room, same, changes);
  if (lost) AdoptEpoch(room, changes.epoch);
  CatchUp(room, changes.head);
}

void Home::AdoptEpoch(Room& room, uint64_t epoch) {
  room.epoch = epoch;
  ++room.rewinds;
  Broadcast(room, RewindEvent(room.id, room.head));
  FlushBroadcasts();  // before any page of the new history
}

void Home::Rewind(Room& room, int64_t to, const ChangesSince& changes) {
  log::warn("store rewound conversation={} from={} to={} head={}", room.id.ToString(), room.head,
            to, changes.head);
  counters_.rewinds.Add();
  room.head = to;
  room.stamp = 0;
  rooms_->ClearTail(room);
  AdoptEpoch(room, changes.epoch);
  room.members_read = room.members_from = room.members_seq = 0;
  room.known_members.clear();
  ReloadMembers(room);
  OnGapRead(room, to, changes);
}

}  // namespace parley

// Home: durable changes other than messages, and their effect on the cache.
#include <algorithm>

#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

void Home::Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done) {
  Room& room = rooms_->Touch(request.conversation);
  rooms_->Use(room);
  store_.Apply(std::move(request), self_,
               [this, conversation = room.id, context = CurrentContext(room),
                done = std::move(done)](Result<AppliedChange> applied) mutable {
                 if (applied) OnApplied(conversation, context, *applied);
                 rooms_->Release(rooms_->Touch(conversation));
                 done(std::move(applied));
               });
}

void Home::OnApplied(const Uuid& conversation, const ReadContext& context,
                     const AppliedChange& applied) {
  Room& room = rooms_->Touch(conversation);
  const Change& change = applied.change;
  if (change.seq != 0) CheckCommit(room, context, applied.epoch, change.seq, true);
  MemberChange members{.added = applied.added, .removed = applied.removed};
  if (change.conversation) members.participant_count = change.conversation->participant_count;
  UpdateMembers(room, members, change.conversation ? change.conversation->seq : 0);
  if (change.seq == 0) {
    if (!applied.removed) return;
    const EventRef removal = RemovalEvent(conversation, *applied.removed);
    Tap(removal, members);
    return Broadcast(room, removal);
  }
  const EventRef event = ChangeEvent(change, Now(), applied.removed);
  Tap(event, members, applied.epoch);
  rooms_->ForgetInTail(room, event->about_seq);
  IngestLocal(room, event);
}

void Home::UpdateMembers(Room& room, const MemberChange& change, int64_t seq) {
  if (!change.added && !change.removed) return;
  if (change.removed) typists_.End(room.id, *change.removed, Now());
  if (seq != 0 && seq <= room.members_read) return;  // the cached members include the change
  bool was_in = false;
  if (change.removed) {  // immediately, regardless of the order of changes
    was_in = room.participants.erase(*change.removed);
    was_in |= room.known_members.erase(*change.removed) != 0;
  }
  if (seq == 0 && !was_in) return;
  // A change without a seq is later than every known change: older snapshots do not prove
  // membership.
  if (seq == 0) room.members_from = std::max(room.members_from, room.head + 1);
  // The order of the change is unknown, or changes of two nodes conflict.
  if (seq == 0 || seq < room.members_seq) return ReloadMembers(room);
  room.members_seq = seq;
  room.participant_count = change.participant_count;
  const bool few = room.participant_count <= static_cast<int64_t>(options_.live_participants);
  if (few && !room.participants.empty()) {
    if (change.added &&
        std::ranges::find(room.participants, *change.added) == room.participants.end()) {
      room.participants.push_back(*change.added);
    }
  } else if (few) {
    ReloadMembers(room);  // the members now fit the cache
  } else {
    room.participants.clear();
  }
}

void Home::ReloadMembers(Room& room) {
  room.members_stale = true;  // the next load reads the members
  if (room.subscribers != 0 && room.head_known && !room.loading) LoadRoom(room);
}

void Home::Delete(const Uuid& conversation, const UserId& actor, bool as_service,
                  Resolve<Result<void>> done) {
  rooms_->Use(rooms_->Touch(conversation));
  store_.DeleteConversation(
      conversation, actor, as_service, self_,
      [this, conversation, done = std::move(done)](Result<void> gone) mutable {
        if (gone) Tap(ConversationDeletedEvent(conversation));
        if (gone) BroadcastDeletion(conversation);
        rooms_->Release(rooms_->Touch(conversation));
        done(std::move(gone));
      });
}

void Home::BroadcastDeletion(const Uuid& conversation) {
  Room& room = rooms_->Touch(conversation);
  Broadcast(room, ConversationDeletedEvent(conversation));
  Forget(room);  // the next access reads the store and gets not_found
}

}  // namespace parley

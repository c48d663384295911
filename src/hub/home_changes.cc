// Home: durable changes besides sends, and what they do to memory.
#include <algorithm>

#include "hub/home_room.h"

namespace parley {

void Home::Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done) {
  Room& room = Touch(request.conversation);
  ++room.in_flight;
  store_.Apply(std::move(request), self_,
               [this, conversation = room.id,
                done = std::move(done)](Result<AppliedChange> applied) mutable {
                 OnApplied(conversation, applied);
                 done(std::move(applied));
               });
}

void Home::OnApplied(const Uuid& conversation, Result<AppliedChange>& applied) {
  Room& room = Touch(conversation);
  --room.in_flight;
  if (!applied) return;
  const Change& change = applied->change;
  MemberChange members{.added = applied->added, .removed = applied->removed};
  if (change.conversation) members.participant_count = change.conversation->participant_count;
  UpdateMembers(room, members, change.conversation ? change.conversation->seq : 0);
  if (change.seq == 0) {
    if (!applied->removed) return;
    const EventRef parting = PartingEvent(conversation, *applied->removed);
    if (wire_ != nullptr) wire_->Tell(*parting, members);
    return LetOut(room, parting);
  }
  const EventRef event = ChangeEvent(change, Now(), applied->removed);
  if (wire_ != nullptr) wire_->Tell(*event, members);
  ForgetInTail(room, event->subject);
  OfferOwn(room, event);
}

void Home::UpdateMembers(Room& room, const MemberChange& change, int64_t seq) {
  if (!change.added && !change.removed) return;
  if (seq < room.members_seq) return ReloadMembers(room);  // changes of two nodes met
  room.members_seq = seq;
  room.participant_count = change.participant_count;
  if (change.removed) {
    room.participants.erase(*change.removed);
    room.known_members.erase(*change.removed);
    typists_.End(room.id, *change.removed, Now());
  }
  const bool few = room.participant_count <= static_cast<int64_t>(options_.live_participants);
  if (few && !room.participants.empty()) {
    if (change.added &&
        std::ranges::find(room.participants, *change.added) == room.participants.end()) {
      room.participants.push_back(*change.added);
    }
  } else if (few) {
    ReloadMembers(room);  // few enough now to know them all
  } else {
    room.participants.clear();
  }
}

void Home::ReloadMembers(Room& room) {
  room.loaded = false;  // read again by who comes next
  if (room.listeners != 0 && !room.loading) LoadRoom(room);
}

void Home::ForgetInTail(Room& room, int64_t subject) {
  const size_t before = room.tail.bytes();
  room.tail.Forget(subject);
  tail_bytes_ -= before - room.tail.bytes();
}

void Home::Delete(const Uuid& conversation, const UserId& actor, bool as_service,
                  Resolve<Result<void>> done) {
  ++Touch(conversation).in_flight;
  store_.DeleteConversation(
      conversation, actor, as_service, self_,
      [this, conversation, done = std::move(done)](Result<void> gone) mutable {
        --Touch(conversation).in_flight;
        if (gone && wire_ != nullptr) wire_->Tell(*ConversationDeletedEvent(conversation), {});
        if (gone) OnDeleted(conversation);
        done(std::move(gone));
      });
}

void Home::OnDeleted(const Uuid& conversation) {
  Room& room = Touch(conversation);
  LetOut(room, ConversationDeletedEvent(conversation));
  tail_bytes_ -= room.tail.bytes();
  room.tail.Clear();
  room.participants.clear();
  room.known_members.clear();
  room.early.clear();
  room.participant_count = 0;
  room.members_seq = room.members_from = 0;
  room.store_head = 0;
  room.loaded = room.head_known = false;  // whoever comes next reads that it is not there
}

}  // namespace parley

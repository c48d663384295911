// Home: durable changes besides sends, and what they do to memory.
#include <algorithm>

#include "hub/home_room.h"

namespace parley {

void Home::Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done) {
  const Uuid id = request.conversation;
  WithRoom(id, [this, request = std::move(request),
                done = std::move(done)](Result<Room*> found) mutable {
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    ++room.in_flight;
    store_.Apply(std::move(request), self_,
                 [this, conversation = room.id,
                  done = std::move(done)](Result<AppliedChange> applied) mutable {
                   OnApplied(conversation, applied);
                   done(std::move(applied));
                 });
  });
}

void Home::OnApplied(const Uuid& conversation, Result<AppliedChange>& applied) {
  Room& room = Touch(conversation);
  --room.in_flight;
  if (!applied) return;
  const Change& change = applied->change;
  UpdateMembers(room, *applied);
  if (change.seq == 0) {
    if (applied->removed) LetOut(room, PartingEvent(conversation, *applied->removed));
    return;
  }
  const bool of_conversation = change.kind == ChangeKind::kConversationUpdated;
  ForgetInTail(room, of_conversation ? 0 : change.message.seq);
  Offer(room, ChangeEvent(change, Now(), applied->removed));
}

void Home::UpdateMembers(Room& room, const AppliedChange& applied) {
  if (!applied.added && !applied.removed) return;
  room.members_seq = std::max(room.members_seq, applied.change.conversation->seq);
  room.participant_count = applied.change.conversation->participant_count;
  if (applied.removed) {
    std::erase(room.participants, *applied.removed);
    room.known_members.erase(*applied.removed);
    typists_.End(room.id, *applied.removed, Now());
  }
  const bool few = room.participant_count <= static_cast<int64_t>(options_.live_participants);
  if (few && !room.participants.empty()) {
    if (applied.added &&
        std::ranges::find(room.participants, *applied.added) == room.participants.end()) {
      room.participants.push_back(*applied.added);
    }
  } else if (few) {
    room.loaded = false;  // few enough now to know them all: read again by who comes next
  } else {
    room.participants.clear();
  }
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
  room.members_seq = 0;
  room.loaded = false;  // whoever comes next reads that it is not there
}

}  // namespace parley

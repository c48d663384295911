// Home: durable changes other than messages, and their effect on the cache.
#include <algorithm>

#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

void Home::Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done) {
  Room& room = rooms_->Touch(request.conversation);
  rooms_->Use(room);
  store_.Apply(std::move(request), self_,
               [this, conversation = room.id, context = room.log.context(),
                done = std::move(done)](Result<AppliedChange> applied) mutable {
                 if (applied) OnApplied(conversation, context, *applied);
                 rooms_->Release(rooms_->Touch(conversation));
                 done(std::move(applied));
               });
}

void Home::OnApplied(const Uuid& conversation, const ReadContext& context,
                     const AppliedChange& applied) {
  Room& room = rooms_->Touch(conversation);
  LogStep step;
  const Change& change = applied.change;
  if (change.seq != 0) room.log.CheckCommit(context, applied.epoch, change.seq, true, step);
  MemberChange members{.added = applied.added, .removed = applied.removed};
  if (change.conversation) members.participant_count = change.conversation->participant_count;
  UpdateMembers(room, members, change.conversation ? change.conversation->seq : 0);
  if (change.seq != 0) {
    const EventRef event = ChangeEvent(change, Now(), applied.removed);
    Tap(event, members, applied.epoch);
    room.log.ForgetMessage(event->about_seq);
    IngestLocal(room, event, step);
  } else if (applied.removed) {
    const EventRef removal = RemovalEvent(conversation, *applied.removed);
    Tap(removal, members);
    Broadcast(room, removal);
  }
  Perform(room, step);
}

void Home::UpdateMembers(Room& room, const MemberChange& change, int64_t seq) {
  if (change.removed) typists_.End(room.id, *change.removed, Now());
  const auto live = static_cast<int64_t>(options_.live_participants);
  if (room.members.Apply(change, seq, room.log.head(), live)) ReloadMembers(room);
}

void Home::ReloadMembers(Room& room) {
  room.members.Invalidate();  // the next load reads the members
  if (room.subscribers != 0 && room.log.known() && !room.loading) LoadRoom(room);
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

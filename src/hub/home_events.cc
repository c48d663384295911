// Home: messages, and the order of broadcasts.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/log.h"
#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

void Home::Send(NewMessage message, Resolve<Result<StoredMessage>> done) {
  const Uuid id = message.conversation_id;
  // With other nodes, the cached members may be outdated: only the commit can reject the sender.
  if (options_.other_writers) return Insert(rooms_->Touch(id), std::move(message), std::move(done));
  WithHead(id, [this, message = std::move(message),
                done = std::move(done)](Result<Room*> found) mutable {
    if (!found && found.error().code == ErrorCode::not_found) {
      return done(
          Fail(ErrorCode::not_participant, "You are not a participant of this conversation."));
    }
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    const bool outsider =
        !message.as_service && room.MembersFresh() && !room.participants.empty() &&
        std::ranges::find(room.participants, message.sender_id) == room.participants.end();
    if (outsider) {
      return done(
          Fail(ErrorCode::not_participant, "You are not a participant of this conversation."));
    }
    Insert(room, std::move(message), std::move(done));
  });
}

void Home::Insert(Room& room, NewMessage message, Resolve<Result<StoredMessage>> done) {
  typists_.End(room.id, message.sender_id, Now());  // the stop precedes the message
  rooms_->Use(room);
  store_.InsertMessage(std::move(message), self_,
                       [this, conversation = room.id, context = CurrentContext(room),
                        done = std::move(done)](Result<StoredMessage> stored) mutable {
                         OnStored(conversation, context, stored);
                         done(std::move(stored));
                       });
}

void Home::OnStored(const Uuid& conversation, const ReadContext& context,
                    Result<StoredMessage>& stored) {
  Room& room = rooms_->Touch(conversation);
  if (stored) {
    const int64_t seq = stored->message.seq;
    CheckCommit(room, context, stored->epoch, seq, !stored->duplicate);
    // A duplicate with a seq beyond the head is new to this node: the first result was
    // `outcome_unknown`.
    if (stored->duplicate && seq <= room.head) {
      counters_.duplicates.Add();
    } else {
      counters_.messages.Add();
      const EventRef event = MessageEvent(stored->message, Now());
      Tap(event, {}, stored->epoch);
      IngestLocal(room, event);
    }
  }
  rooms_->Release(room);
}

void Home::IngestLocal(Room& room, EventRef event) {
  if (room.head_known) return Ingest(room, std::move(event));
  // Without subscribers the event is not needed: the next access loads the head.
  if (!HasAuthoritativeCache(room) || (room.subscribers == 0 && !room.loading)) return;
  rooms_->AddEarly(room, std::move(event));
}

void Home::Ingest(Room& room, EventRef event) {
  if (room.verifying_head) {
    rooms_->AddEarly(room, std::move(event));
    return room.retry_planned ? void() : FillGap(room);
  }
  if (event->seq <= room.head) {
    // A read from the store has already broadcast the event, but does not name the removed user.
    if (event->removal == Removal::kOneUser) OnMemberRemoved(room.id, RemovedUser(*event));
    return;
  }
  if (event->seq > room.head + 1) {
    rooms_->AddEarly(room, std::move(event));
    return FillGap(room);
  }
  Append(room, std::move(event));
  rooms_->DropEarlyUpTo(room, room.head);
  while (!room.early.empty() && room.early.begin()->first == room.head + 1) {
    Append(room, rooms_->TakeEarly(room));
  }
}

void Home::Append(Room& room, EventRef event) {
  room.head = event->seq;
  rooms_->PushToTail(room, event);
  Broadcast(room, std::move(event));
}

// --- gaps

void Home::FillGap(Room& room) {
  if (room.filling_gap) return;
  room.filling_gap = true;
  rooms_->Use(room);
  counters_.store_reads.Add();
  const bool verifying_head = room.verifying_head;
  const int64_t since =
      verifying_head ? std::max<int64_t>(0, std::min(room.head, room.verify_from) - kRewindReach)
                     : room.head;
  store_.ReadChanges(room.id, since, static_cast<int>(kPageEvents),
                     verifying_head ? kRewindBytes : kPageBytes, self_,
                     [this, id = room.id, since, verifying_head,
                      context = CurrentContext(room)](Result<ChangesSince> changes) {
                       Room& found = rooms_->Touch(id);
                       found.filling_gap = false;
                       if (!changes) {
                         log::warn("filling a gap from the store failed conversation={} error={}",
                                   id.ToString(), Name(changes.error().code));
                         RetryLater(found);
                       } else if (!HasAuthoritativeCache(found) || !found.head_known) {
                         // the conversation is no longer followed
                       } else if (verifying_head && found.verifying_head) {
                         OnHeadVerified(found, since, *changes);
                       } else if (found.verifying_head) {
                         FillGap(found);
                       } else if (Contradicts(found, context, changes->epoch, changes->head)) {
                         VerifyHead(found, changes->head, changes->epoch);
                       } else {
                         OnGapRead(found, since, *changes);
                       }
                       rooms_->Release(found);
                     });
}

void Home::OnGapRead(Room& room, int64_t since, const ChangesSince& changes) {
  room.backoff = {};
  for (const Change& change : changes.changes) {
    if (change.seq <= room.head) continue;
    EventRef event = ChangeEvent(change);
    rooms_->DropEarlyUnlikeStored(room, *event);
    rooms_->DropEarlyUpTo(room, change.seq - 1);  // the store no longer has them
    if (!room.early.empty() && room.early.begin()->first == change.seq) {
      event = rooms_->TakeEarly(room);
    }
    if (event->about_seq != event->seq) rooms_->ForgetInTail(room, event->about_seq);
    if (change.kind == ChangeKind::kConversationUpdated && change.seq > room.members_read) {
      ReloadMembers(room);
    }
    Append(room, std::move(event));
  }
  room.head = std::max(room.head, changes.through);
  rooms_->DropEarlyUpTo(room, room.head);
  if (!room.early.empty() && room.early.begin()->first == room.head + 1) {
    Ingest(room, rooms_->TakeEarly(room));
  }
  const bool behind = !room.early.empty() || room.store_head > room.head;
  if (room.head > since) room.futile_fills = 0;
  if (behind && ++room.futile_fills > kMaxReloads) {
    rooms_->ClearEarly(room);
    room.store_head = room.head;
    room.futile_fills = 0;
    log::warn("received events missing from the store conversation={}", room.id.ToString());
  } else if (behind) {
    FillGap(room);
  }
}

void Home::FillIfBehind(Room& room) {
  if (!room.head_known) return;
  if (room.verifying_head || !room.early.empty() || room.store_head > room.head) FillGap(room);
}

// --- broadcasts

void Home::Broadcast(Room& room, EventRef event) {
  for (uint64_t left = room.subscribers; left != 0; left &= left - 1) {
    broadcasts_[static_cast<size_t>(std::countr_zero(left))].push_back(event);
  }
  if (room.subscribers == 0 || flush_posted_) return;
  flush_posted_ = true;
  // Posted behind the current batch of commits, so that the batch costs one post per shard.
  self_.Post([this] { FlushBroadcasts(); });
}

void Home::FlushBroadcasts() {
  flush_posted_ = false;
  for (unsigned shard = 0; shard < broadcasts_.size(); ++shard) {
    if (!broadcasts_[shard].empty()) sink_.Deliver(shard, std::exchange(broadcasts_[shard], {}));
  }
}

void Home::BroadcastEphemeral(EventRef event) {
  Room* room = rooms_->Find(event->conversation);
  // A conversation that is too large here is too large on every node.
  if (room != nullptr && room->members_known && !Reaches(*room, *event)) return;
  if (event->origin == Origin::kThisNode) Tap(event);
  if (room != nullptr && Reaches(*room, *event)) Broadcast(*room, std::move(event));
}

}  // namespace parley

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
    const bool outsider = !message.as_service && room.MembersFresh() &&
                          !room.members.all().empty() && !room.members.Has(message.sender_id);
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
                       [this, conversation = room.id, context = room.log.context(),
                        done = std::move(done)](Result<StoredMessage> stored) mutable {
                         OnStored(conversation, context, stored);
                         done(std::move(stored));
                       });
}

void Home::OnStored(const Uuid& conversation, const ReadContext& context,
                    Result<StoredMessage>& stored) {
  Room& room = rooms_->Touch(conversation);
  if (stored) {
    LogStep step;
    const int64_t seq = stored->message.seq;
    room.log.CheckCommit(context, stored->epoch, seq, !stored->duplicate, step);
    // A duplicate with a seq beyond the head is new to this node: the first result was
    // `outcome_unknown`.
    if (stored->duplicate && seq <= room.log.head()) {
      counters_.duplicates.Add();
    } else {
      counters_.messages.Add();
      const EventRef event = MessageEvent(stored->message, Now());
      Tap(event, {}, stored->epoch);
      IngestLocal(room, event, step);
    }
    Perform(room, step);
  }
  rooms_->Release(room);
}

void Home::IngestLocal(Room& room, EventRef event, LogStep& step) {
  if (room.log.known()) return room.log.Ingest(std::move(event), step);
  // Without subscribers the event is not needed: the next access loads the head.
  if (!HasAuthoritativeCache(room) || (room.subscribers == 0 && !room.loading)) return;
  room.log.AddEarly(std::move(event), step);
}

void Home::Perform(Room& room, LogStep& step) {
  if (step.found_in_store) counters_.found_in_store.Add();
  if (step.rewound_from != 0) {
    log::warn("store rewound conversation={} from={} to={}", room.id.ToString(), step.rewound_from,
              room.log.head());
    counters_.rewinds.Add();
    room.members.OnRewind();
    ReloadMembers(room);
  }
  for (EventRef& event : step.broadcast) Broadcast(room, std::move(event));
  if (step.new_epoch) FlushBroadcasts();  // before any page of the new history
  if (step.conversation_updated_at > room.members.read_at()) ReloadMembers(room);
  if (step.not_in_store) {
    log::warn("received events missing from the store conversation={}", room.id.ToString());
  }
  rooms_->LogUsed(room);
  using Fetch = LogStep::Fetch;
  if (step.fetch == Fetch::kNow || (step.fetch == Fetch::kUnlessPlanned && !room.retry_planned)) {
    FillGap(room);
  }
  for (const UserId& user : step.unsure_removals) OnMemberRemoved(room.id, user);
}

// --- gaps

void Home::FillGap(Room& room) {
  if (room.filling_gap) return;
  room.filling_gap = true;
  rooms_->Use(room);
  counters_.store_reads.Add();
  const ConversationLog::Read read = room.log.NextRead();
  store_.ReadChanges(room.id, read.since, static_cast<int>(kPageEvents), read.max_bytes, self_,
                     [this, id = room.id, read](Result<ChangesSince> changes) {
                       Room& found = rooms_->Touch(id);
                       found.filling_gap = false;
                       if (!changes) {
                         log::warn("filling a gap from the store failed conversation={} error={}",
                                   id.ToString(), Name(changes.error().code));
                         RetryLater(found);
                       } else if (HasAuthoritativeCache(found) && found.log.known()) {
                         found.backoff = {};
                         LogStep step;
                         found.log.OnRead(read, *changes, step);
                         Perform(found, step);
                       }
                       rooms_->Release(found);
                     });
}

void Home::FillIfBehind(Room& room) {
  if (room.log.known() && room.log.behind()) FillGap(room);
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
  if (room != nullptr && room->members.known() && !Reaches(*room, *event)) return;
  if (event->origin == Origin::kThisNode) Tap(event);
  if (room != nullptr && Reaches(*room, *event)) Broadcast(*room, std::move(event));
}

}  // namespace parley

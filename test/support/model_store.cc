#include "test/support/model_store.h"

#include <algorithm>
#include <ranges>

#include "protocol/events.h"

namespace parley::test {
namespace {

constexpr Timestamp kThen{1'750'000'000'000'000};
constexpr int64_t kCountStops = 1000;

Uuid MessageId(const Uuid& conversation, int64_t seq) {
  Uuid id = conversation;
  for (size_t i = 0; i < 8; ++i) id.bytes[8 + i] = static_cast<uint8_t>(seq >> (56 - 8 * i));
  id.bytes[6] ^= 0x0F;
  return id;
}

Timestamp Activity(const Conversation& conversation) {
  return conversation.last_message_at.value_or(conversation.created_at);
}

}  // namespace

bool ModelStore::Room::Has(const UserId& user) const {
  return std::ranges::find(members, user) != members.end();
}

// --- contents

void ModelStore::Put(const Uuid& conversation, std::vector<UserId> members, int64_t messages,
                     size_t content) {
  Room& room = rooms_[conversation];
  room.history.clear();
  room.conversation.id = conversation;
  room.conversation.type = ConversationType::kGroup;
  room.conversation.created_at = kThen;
  room.changed_at = ++changes_;
  room.members.clear();
  for (const UserId& user : members) AddMember(conversation, user);
  for (int64_t i = 0; i < messages; ++i) {
    NewMessage message;
    message.id = MessageId(conversation, room.seq + 1);
    message.conversation_id = conversation;
    message.sender_id = room.members.front();
    message.content = std::string(content, 'm');
    (void)Insert(std::move(message));
  }
}

void ModelStore::AddMember(const Uuid& conversation, const UserId& user) {
  Room& room = rooms_.at(conversation);
  std::vector<UserId> members = room.members;
  members.push_back(user);
  SetMembers(room, std::move(members));
}

void ModelStore::SetMembers(Room& room, std::vector<UserId> members) {
  room.members = std::move(members);
  room.history[room.seq] = room.members;
  room.conversation.participant_count = static_cast<int64_t>(room.members.size());
  room.conversation.members.clear();
  for (const UserId& user : room.members | std::views::take(100)) {
    room.conversation.members.push_back({.user = user,
                                         .role = Role::kMember,
                                         .joined_at = kThen,
                                         .last_read_seq = 0,
                                         .last_read_at = std::nullopt});
  }
}

bool ModelStore::Has(const Uuid& conversation, int64_t seq) const {
  const Room& room = rooms_.at(conversation);
  return room.messages.contains(seq) || room.changes.contains(seq);
}

Change ModelStore::ChangeAt(const Room& room, int64_t seq) {
  const auto message = room.messages.find(seq);
  if (message != room.messages.end()) return {.seq = seq, .message = message->second};
  return {.seq = seq,
          .kind = ChangeKind::kConversationUpdated,
          .message = {},
          .conversation = std::make_shared<const Conversation>(room.conversation)};
}

std::string ModelStore::FrameAt(const Uuid& conversation, int64_t seq) const {
  if (!Has(conversation, seq)) return {};
  return std::string(ChangeEvent(ChangeAt(rooms_.at(conversation), seq))->json);
}

bool ModelStore::IsMember(const Uuid& conversation, const UserId& user) const {
  return rooms_.at(conversation).Has(user);
}

void ModelStore::Drop(const Uuid& conversation, int64_t seq) {
  rooms_.at(conversation).messages.erase(seq);
  rooms_.at(conversation).changes.erase(seq);
}

void ModelStore::GoBack(int64_t lost, bool new_epoch) {
  if (new_epoch) ++epoch_;
  for (auto& [id, room] : rooms_) {
    const int64_t seq = std::max<int64_t>(0, room.seq - lost);
    room.seq = room.conversation.seq = seq;
    room.messages.erase(room.messages.upper_bound(seq), room.messages.end());
    room.changes.erase(room.changes.upper_bound(seq), room.changes.end());
    std::erase_if(room.by_client_id, [&](const auto& one) { return one.second.first > seq; });
    room.history.erase(room.history.upper_bound(seq), room.history.end());
    room.changed_at = ++changes_;
    if (room.history.rbegin()->second == room.members) continue;
    ++room.member_changes;
    SetMembers(room, std::vector<UserId>(room.history.rbegin()->second));
  }
}

const Message* ModelStore::Find(const Uuid& conversation, int64_t seq) const {
  const auto& messages = rooms_.at(conversation).messages;
  const auto found = messages.find(seq);
  return found == messages.end() ? nullptr : &found->second;
}

template <class T>
void ModelStore::Call(bool is_write, Executor& on, Answer<T> done,
                      UniqueFunction<Result<T>()> work) {
  auto happen = [this, is_write, &on, done = std::move(done), work = std::move(work)]() mutable {
    const bool fails = Fails(faults.unavailable_one_in);
    Result<T> result = fails ? Result<T>(Fail(Error::StoreUnavailable())) : work();
    if (is_write && result && Fails(faults.unknown_one_in)) {
      result = Fail(ErrorCode::outcome_unknown, "Nobody knows.");
    }
    return Happened{is_write, &on, [done = std::move(done), result = std::move(result)]() mutable {
                      done(std::move(result));
                    }};
  };
  ++calls_;
  waiting_.push_back({is_write, std::move(happen)});
}

void ModelStore::HappenAt(size_t place) {
  const auto at = waiting_.begin() + static_cast<std::ptrdiff_t>(place);
  Waiting call = std::move(*at);
  waiting_.erase(at);
  happened_.push_back(call.happen());
}

void ModelStore::AnswerAt(size_t place) {
  const auto at = happened_.begin() + static_cast<std::ptrdiff_t>(place);
  Happened call = std::move(*at);
  happened_.erase(at);
  call.on->Post(std::move(call.answer));
}

void ModelStore::Happen() {
  while (!waiting_.empty()) HappenAt(0);
}

void ModelStore::AnswerAll() {
  while (!happened_.empty()) AnswerAt(0);
}

bool ModelStore::Step(SeededRandom& random) {
  if (idle()) return false;
  size_t place = random.Below(waiting_.size() + happened_.size());
  // Writes commit before this one in order of age, so that commits and answers keep their order.
  const auto oldest = [](const auto& calls, size_t chosen) {
    if (!calls[chosen].is_write) return chosen;
    return static_cast<size_t>(
        std::ranges::find_if(calls, [](const auto& c) { return c.is_write; }) - calls.begin());
  };
  if (place < waiting_.size()) {
    HappenAt(oldest(waiting_, place));
  } else {
    place -= waiting_.size();
    AnswerAt(faults.shuffled_answers ? place : oldest(happened_, place));
  }
  return true;
}

// --- writes

Result<StoredMessage> ModelStore::Insert(NewMessage request) {
  const auto found = rooms_.find(request.conversation_id);
  if (found == rooms_.end() || (!request.as_service && !found->second.Has(request.sender_id))) {
    return Fail(ErrorCode::not_participant, "You are not a participant of this conversation.");
  }
  Room& room = found->second;
  if (request.client_id) {
    const auto repeat = room.by_client_id.find({request.sender_id, *request.client_id});
    if (repeat != room.by_client_id.end()) {
      const auto& [seq, hash] = repeat->second;
      const auto kept = room.messages.find(seq);
      if (kept != room.messages.end()) {
        if (hash != request.request_hash) return Fail(ErrorCode::client_id_reused, "Reused.");
        return StoredMessage{kept->second, true, epoch_};
      }
    }
  }
  if (request.reply_to &&
      std::ranges::none_of(room.messages | std::views::values, [&](const Message& message) {
        return message.id == *request.reply_to;
      })) {
    return Fail(Error::Field("reply_to", "Not a message of this conversation."));
  }
  Message message;
  message.id = request.id;
  message.conversation_id = request.conversation_id;
  message.seq = ++room.seq;
  message.sender_id = request.sender_id;
  message.content = std::move(request.content);
  message.content_type = std::move(request.content_type);
  message.sent_at = {kThen.micros + ++changes_};
  message.reply_to = request.reply_to;
  message.metadata = std::move(request.metadata);
  message.client_id = request.client_id;
  if (request.client_id) {
    room.by_client_id[{request.sender_id, *request.client_id}] = {room.seq, request.request_hash};
  }
  room.changed_at = changes_;
  room.conversation.seq = room.seq;
  room.conversation.last_message_at = message.sent_at;
  room.messages.emplace(room.seq, message);
  return StoredMessage{std::move(message), false, epoch_};
}

void ModelStore::InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) {
  Call<StoredMessage>(true, on, std::move(done), [this, message = std::move(message)]() mutable {
    return Insert(std::move(message));
  });
}

ConversationHead ModelStore::HeadOf(const Room& room, size_t participants_limit) const {
  ConversationHead head{.seq = room.seq,
                        .epoch = epoch_,
                        .changed = room.changed_at,
                        .type = room.conversation.type,
                        .participant_count = room.conversation.participant_count,
                        .participants = {}};
  if (room.members.size() <= participants_limit) head.participants = room.members;
  return head;
}

Result<AppliedChange> ModelStore::ApplyNow(const ChangeRequest& request) {
  const auto found = rooms_.find(request.conversation);
  if (found == rooms_.end() || (!request.as_service && !found->second.Has(request.actor))) {
    return Fail(Error::NotFound());
  }
  Room& room = found->second;
  std::vector<UserId> members = room.members;
  AppliedChange out{.change = {.kind = ChangeKind::kConversationUpdated}, .epoch = epoch_};
  auto kind = AccessChange::Kind::kJoined;
  if (const auto* add = std::get_if<AddParticipant>(&request.verb)) {
    if (!room.Has(add->user)) out.added = add->user;
    if (out.added) members.push_back(add->user);
  } else if (const auto* remove = std::get_if<RemoveParticipant>(&request.verb)) {
    out.removed = remove->user;
    room.removals.insert(remove->user);
    kind = AccessChange::Kind::kRemoved;
    std::erase(members, remove->user);
  } else {
    return Fail(ErrorCode::internal, "The model does not know this verb.");
  }
  if (members != room.members) {
    out.change.seq = room.conversation.seq = ++room.seq;
    ++room.member_changes;
    room.changed_at = ++changes_;
    room.changes[room.seq] = ChangeKind::kConversationUpdated;
    SetMembers(room, std::move(members));
    access_log_.push_back({.id = changes_,
                           .kind = kind,
                           .conversation = request.conversation,
                           .users = {out.added ? *out.added : *out.removed}});
  }
  out.change.conversation = std::make_shared<const Conversation>(room.conversation);
  return out;
}

void ModelStore::Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) {
  Call<AppliedChange>(true, on, std::move(done),
                      [this, request = std::move(request)] { return ApplyNow(request); });
}

void ModelStore::LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                          Answer<ConversationHead> done) {
  Call<ConversationHead>(false, on, std::move(done),
                         [this, conversation, participants_limit]() -> Result<ConversationHead> {
                           if (Fails(faults.members_unavailable_one_in)) {
                             return Fail(Error::StoreUnavailable());
                           }
                           const auto found = rooms_.find(conversation);
                           if (found == rooms_.end()) return Fail(Error::NotFound());
                           return HeadOf(found->second, participants_limit);
                         });
}

void ModelStore::LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                           Answer<std::vector<LoadedHead>> done) {
  using Heads = std::vector<LoadedHead>;
  Call<Heads>(
      false, on, std::move(done),
      [this, conversations = std::move(conversations), participants_limit]() -> Result<Heads> {
        if (Fails(faults.members_unavailable_one_in)) return Fail(Error::StoreUnavailable());
        Heads out;
        for (const Uuid& id : conversations) {
          if (const auto found = rooms_.find(id); found != rooms_.end()) {
            out.push_back({id, HeadOf(found->second, participants_limit)});
          }
        }
        return out;
      });
}

void ModelStore::IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) {
  Call<bool>(false, on, std::move(done),
             [this, conversation, user = std::move(user)]() -> Result<bool> {
               if (Fails(faults.members_unavailable_one_in)) {
                 return Fail(Error::StoreUnavailable());
               }
               const auto found = rooms_.find(conversation);
               return found != rooms_.end() && found->second.Has(user);
             });
}

void ModelStore::ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes,
                             Executor& on, Answer<ChangesSince> done) {
  Call<ChangesSince>(false, on, std::move(done),
                     [this, conversation, since, limit, max_bytes]() -> Result<ChangesSince> {
                       if (fail_next_changes > 0) {
                         --fail_next_changes;
                         return Fail(Error::StoreUnavailable());
                       }
                       const auto found = rooms_.find(conversation);
                       if (found == rooms_.end()) return Fail(Error::NotFound());
                       return PageOf(found->second, since, static_cast<size_t>(limit), max_bytes);
                     });
}

ChangesSince ModelStore::PageOf(const Room& room, int64_t since, size_t limit,
                                size_t max_bytes) const {
  ChangesSince page{.through = std::max(since, room.seq), .head = room.seq, .epoch = epoch_};
  size_t bytes = 0;
  for (int64_t seq = since + 1; seq <= room.seq; ++seq) {
    if (!Has(room.conversation.id, seq)) continue;
    page.changes.push_back(ChangeAt(room, seq));
    bytes += page.changes.back().message.content.size();
    if (page.changes.size() < limit && bytes < max_bytes) continue;
    page.through = seq;
    break;
  }
  return page;
}

void ModelStore::ListHeads(std::vector<Uuid> conversations, Executor& on,
                           Answer<std::vector<UserConversationHead>> done) {
  using Heads = std::vector<UserConversationHead>;
  Call<Heads>(false, on, std::move(done),
              [this, conversations = std::move(conversations)]() -> Result<Heads> {
                Heads out;
                for (const Uuid& id : conversations) {
                  if (rooms_.contains(id)) {
                    const Room& room = rooms_.at(id);
                    out.push_back({id, room.seq, epoch_, room.changed_at});
                  }
                }
                return out;
              });
}

void ModelStore::ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) {
  Call<ChangedHeads>(false, on, std::move(done), [this, query]() -> Result<ChangedHeads> {
    ChangedHeads out{.heads = {}, .page = {.position = {.epoch = epoch_, .next = changes_ + 1}}};
    const auto is_known = [&](const std::optional<StorePosition>& at) {
      return !at || at->epoch == epoch_;
    };
    out.page.stale = !is_known(query.from) || !is_known(query.until);
    if (!query.from || out.page.stale) return out;
    std::vector<std::pair<int64_t, Uuid>> changed;
    for (const auto& [id, room] : rooms_) changed.emplace_back(room.changed_at, id);
    std::ranges::sort(changed);
    const int64_t end = (query.until ? *query.until : out.page.position).next;
    for (const auto& [at, id] : changed) {
      const bool before = std::pair(at, id) <= std::pair(query.after.transaction, query.after.uuid);
      if (at < query.from->next || at >= end || before) continue;
      if (out.heads.size() == query.limit) {
        out.page.more = true;
        break;
      }
      out.heads.push_back(
          {.conversation_id = id, .seq = rooms_.at(id).seq, .epoch = epoch_, .changed = at});
      out.page.last = {.transaction = at, .uuid = id};
    }
    return out;
  });
}

void ModelStore::ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                               Answer<UserConversations> done) {
  Call<UserConversations>(
      false, on, std::move(done),
      [this, user = std::move(user), since_cursor]() -> Result<UserConversations> {
        std::vector<const Room*> rooms;
        const int64_t since = since_cursor.value_or(0) <= changes_ ? since_cursor.value_or(0) : 0;
        for (const Room& room : rooms_ | std::views::values) {
          if (room.Has(user) && room.changed_at > since) rooms.push_back(&room);
        }
        std::ranges::sort(rooms, std::greater(), [](const Room* room) {
          return std::pair(Activity(room->conversation), room->conversation.id);
        });
        UserConversations out{.heads = {}, .cursor = changes_, .epoch = epoch_};
        for (const Room* room : rooms) {
          out.heads.push_back({room->conversation.id, room->seq, epoch_, room->changed_at});
        }
        return out;
      });
}

}  // namespace parley::test

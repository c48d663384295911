#include "test/support/model_store.h"

#include <algorithm>
#include <ranges>

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

// --- what is stored

void ModelStore::Put(const Uuid& conversation, std::vector<UserId> members, int64_t messages,
                     size_t content) {
  Room& room = rooms_[conversation];
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
  room.members.push_back(user);
  room.conversation.participant_count = static_cast<int64_t>(room.members.size());
  if (room.conversation.members.size() < 100) {
    room.conversation.members.push_back({.user = user,
                                         .role = Role::kMember,
                                         .joined_at = kThen,
                                         .last_read_seq = room.seq,
                                         .last_read_at = std::nullopt});
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
    const bool fails = closed_ || Fails(faults.unavailable_one_in);
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
  // A write gives way to the oldest one, so that commits and their answers keep their order.
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

void ModelStore::Close() {
  Run();
  closed_ = true;
}

// --- writes

Result<StoredMessage> ModelStore::Insert(NewMessage request) {
  const auto found = rooms_.find(request.conversation_id);
  if (found == rooms_.end() || (!request.as_service && !found->second.Has(request.sender_id))) {
    return Fail(ErrorCode::not_participant, "You are not in this conversation.");
  }
  Room& room = found->second;
  if (request.client_id) {
    const auto repeat = room.by_client_id.find({request.sender_id, *request.client_id});
    if (repeat != room.by_client_id.end()) {
      const auto& [seq, hash] = repeat->second;
      const auto kept = room.messages.find(seq);
      if (kept != room.messages.end()) {
        if (hash != request.request_hash) return Fail(ErrorCode::client_id_reused, "Reused.");
        return StoredMessage{kept->second, true};
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
  return StoredMessage{std::move(message), false};
}

void ModelStore::InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) {
  Call<StoredMessage>(true, on, std::move(done), [this, message = std::move(message)]() mutable {
    return Insert(std::move(message));
  });
}

ConversationHead ModelStore::HeadOf(const Room& room, size_t participants_limit) {
  ConversationHead head{.seq = room.seq,
                        .type = room.conversation.type,
                        .participant_count = room.conversation.participant_count,
                        .participants = {}};
  if (room.members.size() <= participants_limit) head.participants = room.members;
  return head;
}

void ModelStore::LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                          Answer<ConversationHead> done) {
  Call<ConversationHead>(false, on, std::move(done),
                         [this, conversation, participants_limit]() -> Result<ConversationHead> {
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
               const auto found = rooms_.find(conversation);
               return found != rooms_.end() && found->second.Has(user);
             });
}

void ModelStore::ReadChanges(Uuid conversation, int64_t since, int limit, Executor& on,
                             Answer<ChangesSince> done) {
  Call<ChangesSince>(
      false, on, std::move(done), [this, conversation, since, limit]() -> Result<ChangesSince> {
        if (fail_next_changes > 0) {
          --fail_next_changes;
          return Fail(Error::StoreUnavailable());
        }
        const auto found = rooms_.find(conversation);
        if (found == rooms_.end()) return Fail(Error::NotFound());
        const Room& room = found->second;
        ChangesSince changes{.changes = {}, .head = room.seq};
        for (auto at = room.messages.upper_bound(since);
             at != room.messages.end() && changes.changes.size() < static_cast<size_t>(limit);
             ++at) {
          changes.changes.push_back({.seq = at->first, .message = at->second});
        }
        return changes;
      });
}

void ModelStore::ListHeads(std::vector<Uuid> conversations, Executor& on,
                           Answer<std::vector<UserConversationHead>> done) {
  using Heads = std::vector<UserConversationHead>;
  Call<Heads>(false, on, std::move(done),
              [this, conversations = std::move(conversations)]() -> Result<Heads> {
                Heads out;
                for (const Uuid& id : conversations) {
                  if (rooms_.contains(id)) out.push_back({id, rooms_.at(id).seq});
                }
                return out;
              });
}

void ModelStore::ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) {
  Call<ChangedHeads>(false, on, std::move(done), [this, query]() -> Result<ChangedHeads> {
    ChangedHeads out{.heads = {}, .page = {.position = {.next = changes_ + 1}}};
    if (!query.from) return out;
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
      out.heads.push_back({.conversation_id = id, .seq = rooms_.at(id).seq, .changed = at});
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
        UserConversations out{.heads = {}, .cursor = changes_};
        for (const Room* room : rooms) out.heads.push_back({room->conversation.id, room->seq});
        return out;
      });
}

}  // namespace parley::test

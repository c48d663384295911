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

const ModelStore::Room* ModelStore::Visible(const Uuid& conversation, const UserId& reader,
                                            bool as_service) const {
  const auto found = rooms_.find(conversation);
  if (found == rooms_.end()) return nullptr;
  return as_service || found->second.Has(reader) ? &found->second : nullptr;
}

// --- time

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

Result<CreatedConversation> ModelStore::Create(const NewConversation& request) {
  if (request.type == ConversationType::kDirect) {
    for (const Room& room : rooms_ | std::views::values) {
      if (room.conversation.type == ConversationType::kDirect &&
          std::ranges::is_permutation(room.members, request.participants)) {
        return CreatedConversation{room.conversation, false};
      }
    }
  }
  Put(request.id, request.participants);
  Conversation& made = rooms_.at(request.id).conversation;
  made.type = request.type;
  made.title = request.title;
  made.metadata = request.metadata;
  for (Member& member : made.members) {
    if (member.user == request.creator) member.role = Role::kOwner;
  }
  return CreatedConversation{made, true};
}

void ModelStore::CreateConversation(NewConversation conversation, Executor& on,
                                    Answer<CreatedConversation> done) {
  Call<CreatedConversation>(
      true, on, std::move(done),
      [this, conversation = std::move(conversation)] { return Create(conversation); });
}

// --- reads

void ModelStore::LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                          Answer<ConversationHead> done) {
  Call<ConversationHead>(false, on, std::move(done),
                         [this, conversation, participants_limit]() -> Result<ConversationHead> {
                           const auto found = rooms_.find(conversation);
                           if (found == rooms_.end()) return Fail(Error::NotFound());
                           const Room& room = found->second;
                           ConversationHead head{
                               .seq = room.seq,
                               .type = room.conversation.type,
                               .participant_count = room.conversation.participant_count,
                               .participants = {}};
                           if (room.members.size() <= participants_limit)
                             head.participants = room.members;
                           return head;
                         });
}

void ModelStore::IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) {
  Call<bool>(false, on, std::move(done),
             [this, conversation, user = std::move(user)]() -> Result<bool> {
               return Visible(conversation, user, false) != nullptr;
             });
}

ConversationView ModelStore::View(const Room& room, const UserId& reader) const {
  ConversationView view{.conversation = room.conversation};
  int64_t read = 0;
  for (const Member& member : room.conversation.members) {
    if (member.user == reader) read = member.last_read_seq;
  }
  for (const Message& message : room.messages | std::views::values) {
    if (message.deleted_at) continue;
    view.last_message = message;
    if (message.seq > read && message.sender_id != reader) ++view.unread_count;
  }
  view.unread_count = std::min(view.unread_count, kCountStops);
  return view;
}

void ModelStore::ReadConversation(Uuid conversation, UserId reader, bool as_service, Executor& on,
                                  Answer<ConversationView> done) {
  Call<ConversationView>(
      false, on, std::move(done),
      [this, conversation, reader = std::move(reader), as_service]() -> Result<ConversationView> {
        const Room* room = Visible(conversation, reader, as_service);
        if (room == nullptr) return Fail(Error::NotFound());
        return View(*room, reader);
      });
}

void ModelStore::ListConversations(UserId reader, int limit,
                                   std::optional<ConversationCursor> after, Executor& on,
                                   Answer<PageOfConversations> done) {
  Call<PageOfConversations>(
      false, on, std::move(done),
      [this, reader = std::move(reader), limit, after]() -> Result<PageOfConversations> {
        PageOfConversations page;
        for (const Room& room : rooms_ | std::views::values) {
          const Conversation& one = room.conversation;
          const bool later =
              !after || std::pair(Activity(one), one.id) < std::pair(after->activity, after->id);
          if (room.Has(reader) && later) page.conversations.push_back(View(room, reader));
        }
        std::ranges::sort(page.conversations, std::greater(), [](const ConversationView& view) {
          return std::pair(Activity(view.conversation), view.conversation.id);
        });
        if (limit > 0 && page.conversations.size() > static_cast<size_t>(limit)) {
          page.conversations.resize(static_cast<size_t>(limit));
          page.has_more = true;
        }
        return page;
      });
}

void ModelStore::CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                             Answer<int64_t> done) {
  Call<int64_t>(false, on, std::move(done),
                [this, reader = std::move(reader), conversation]() -> Result<int64_t> {
                  if (conversation && Visible(*conversation, reader, false) == nullptr) {
                    return Fail(Error::NotFound());
                  }
                  int64_t count = 0;
                  for (const auto& [id, room] : rooms_) {
                    const bool counts = conversation ? id == *conversation : room.Has(reader);
                    if (counts) count += View(room, reader).unread_count;
                  }
                  return std::min(count, kCountStops);
                });
}

Result<PageOfMessages> ModelStore::History(const HistoryQuery& query) const {
  const Room* room = Visible(query.conversation_id, query.reader, query.as_service);
  if (room == nullptr) return Fail(Error::NotFound());
  int64_t before = room->seq + 1;
  if (query.before_id) {
    const auto found = std::ranges::find(room->messages, *query.before_id,
                                         [](const auto& entry) { return entry.second.id; });
    if (found == room->messages.end()) {
      return Fail(Error::Field("before_id", "Not a message of this conversation."));
    }
    before = found->first;
  }
  PageOfMessages page;
  for (const auto& [seq, message] : room->messages) {
    const bool shown = query.after_seq || query.include_deleted || !message.deleted_at;
    if (shown && seq < before && seq > query.after_seq.value_or(0))
      page.messages.push_back(message);
  }
  if (!query.after_seq) std::ranges::reverse(page.messages);
  if (page.messages.size() > static_cast<size_t>(query.limit)) {
    page.messages.resize(static_cast<size_t>(query.limit));
    page.has_more = true;
  }
  return page;
}

void ModelStore::ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) {
  Call<PageOfMessages>(false, on, std::move(done),
                       [this, query = std::move(query)] { return History(query); });
}

void ModelStore::ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                             Answer<Message> done) {
  Call<Message>(false, on, std::move(done),
                [this, message, reader = std::move(reader), as_service]() -> Result<Message> {
                  for (const Room& room : rooms_ | std::views::values) {
                    if (!as_service && !room.Has(reader)) continue;
                    for (const Message& kept : room.messages | std::views::values) {
                      if (kept.id == message) return kept;
                    }
                  }
                  return Fail(Error::NotFound());
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
          changes.changes.push_back({at->first, at->second});
        }
        return changes;
      });
}

void ModelStore::ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                               Answer<UserConversations> done) {
  Call<UserConversations>(
      false, on, std::move(done),
      [this, user = std::move(user), since_cursor]() -> Result<UserConversations> {
        std::vector<const Room*> rooms;
        for (const Room& room : rooms_ | std::views::values) {
          if (room.Has(user) && room.changed_at > since_cursor.value_or(0)) rooms.push_back(&room);
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

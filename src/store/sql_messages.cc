// SqlStore: sends messages, and reads single ones.
#include <algorithm>
#include <map>
#include <set>

#include "store/attachment_queries.h"
#include "store/batch_queries.h"
#include "store/client_id_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

class MessageInsert final : public WriteOf<StoredMessage> {
 public:
  // `versions` and `client_ids` are null if other processes write too.
  MessageInsert(NewMessage message, const ConversationVersions* versions, ClientIds* client_ids,
                Executor& on, parley::Answer<StoredMessage> done, Now now)
      : WriteOf(on, std::move(done)),
        message_(std::move(message)),
        versions_(versions),
        client_ids_(client_ids),
        now_(std::move(now)) {
    if (client_ids_ == nullptr || !message_.client_id) return;
    client_id_hash_ =
        client_ids_->HashOf(message_.conversation_id, message_.sender_id, *message_.client_id);
  }

  size_t bytes() const override { return 512 + message_.content.size() + message_.metadata.size(); }
  std::optional<Uuid> conversation() const override { return message_.conversation_id; }

  void Apply(SqlSession& session) override {
    BeginChange(versions_, message_.conversation_id, ConversationVersions::Part::kMessages);
    result_ = Insert(session);
    if (result_) result_->epoch = session.Epoch();
  }

  const void* kind() const override {
    static constexpr char kPlain = 0;
    return message_.reply_to || !message_.attachments.empty() ? nullptr : &kPlain;
  }
  void ApplyTogether(SqlSession& session, SqlPipeline& first, ConversationLocks& locks,
                     std::span<Write* const> writes) override;

 private:
  class Together;

  Result<StoredMessage> Insert(SqlSession& session) {
    if (message_.client_id) {
      if (auto first = FindFirst(session)) return std::move(*first);
    }
    if (message_.reply_to && !Replies(session)) {
      return Fail(Error::Field("reply_to", "The conversation has no message with this id."));
    }
    auto attachments = FindUnattached(session, message_.attachments, message_.sender_id);
    if (!attachments) {
      return Fail(Error::Field("attachment_ids", "Must be unattached uploads of the caller."));
    }
    if (!message_.named.empty()) {
      std::set<Uuid> unattached =
          UnattachedFrom(session.Prepare(queries::kUnattachedOf).Bind(1, message_.sender_id));
      AddNamed(session, message_.named, unattached, *attachments);
    }
    const Timestamp now = now_();
    const int64_t seq = TakeSeq(session, now);
    if (seq == 0)
      return Fail(ErrorCode::not_participant, "You are not a participant of this conversation.");

    StoredMessage stored = Stored(seq, now, std::move(*attachments));
    BindTo(session.Prepare(queries::kInsertMessage), stored.message).Run();
    if (client_ids_ != nullptr && message_.client_id) {
      client_ids_->Add(session, message_.id, message_.conversation_id, client_id_hash_, seq);
    }
    Attach(session, stored.message.attachments, message_.conversation_id, message_.id, 0);
    return stored;
  }

  StoredMessage Stored(int64_t seq, Timestamp now, std::vector<Attachment> attachments) const {
    StoredMessage stored;
    stored.message = {.id = message_.id,
                      .conversation_id = message_.conversation_id,
                      .seq = seq,
                      .sender_id = message_.sender_id,
                      .content = message_.content,
                      .content_type = message_.content_type,
                      .sent_at = now,
                      .reply_to = message_.reply_to,
                      .metadata = message_.metadata,
                      .client_id = message_.client_id,
                      .attachments = std::move(attachments)};
    return stored;
  }

  // The bound texts point into message_.
  Statement& BindTo(Statement& insert, const Message& stored) const {
    insert.Bind(1, message_.conversation_id)
        .Bind(2, stored.seq)
        .Bind(3, message_.id)
        .Bind(4, message_.sender_id)
        .Bind(5, message_.content)
        .Bind(6, message_.content_type)
        .Bind(7, stored.sent_at.micros)
        .Bind(8, message_.reply_to)
        .Bind(9, message_.metadata)
        .Bind(10, message_.client_id);
    if (message_.client_id) {
      insert.BindBlob(11, message_.request_hash);
    } else {
      insert.BindNull(11);
    }
    return insert.Bind(12, static_cast<int64_t>(stored.attachments.size()));
  }

  // Reads the message stored with the same client_id: a retry, or a reuse for a different request.
  std::optional<Result<StoredMessage>> FindFirst(SqlSession& session) {
    if (client_ids_ == nullptr) {
      return FirstFrom(session, session.Prepare(queries::kFindClientId)
                                    .Bind(1, message_.conversation_id)
                                    .Bind(2, message_.sender_id)
                                    .Bind(3, *message_.client_id));
    }
    for (int64_t seq : client_ids_->Find(session, message_.conversation_id, client_id_hash_)) {
      auto first = FirstFrom(session, session.Prepare(queries::kClientIdAt)
                                          .Bind(1, message_.conversation_id)
                                          .Bind(2, seq)
                                          .Bind(3, message_.sender_id)
                                          .Bind(4, *message_.client_id));
      if (first) return first;
    }
    return std::nullopt;
  }

  std::optional<Result<StoredMessage>> FirstFrom(SqlSession& session, Statement& row) const {
    if (!row.Step()) return std::nullopt;
    Result<StoredMessage> first = FirstIn(row);
    row.Run();
    if (first) FillAttachments(session, {&first->message, 1});
    return first;
  }

  // Without its attachments. `row`: of kFindClientId.
  Result<StoredMessage> FirstIn(const Statement& row) const {
    const std::string_view hash = row.Blob(kMessageColumns);
    const bool same = std::ranges::equal(hash, message_.request_hash, [](char a, uint8_t b) {
      return static_cast<uint8_t>(a) == b;
    });
    if (!same) return Reused();
    StoredMessage first{.message = MessageFrom(row), .duplicate = true};
    first.message.client_id = message_.client_id;  // even if the message has been deleted since
    return first;
  }

  // A retry of a message that is stored in the same transaction.
  Result<StoredMessage> RepeatOf(const MessageInsert& first) const {
    if (first.message_.request_hash != message_.request_hash) return Reused();
    StoredMessage repeat = *first.result_;
    repeat.duplicate = true;
    return repeat;
  }

  static Result<StoredMessage> Reused() {
    return Fail(ErrorCode::client_id_reused,
                "This client_id was already used with a different request.");
  }

  bool Replies(SqlSession& session) {
    Statement& row = session.Prepare(queries::kMessageInConversation)
                         .Bind(1, *message_.reply_to)
                         .Bind(2, message_.conversation_id);
    const bool found = row.Step();
    if (found) row.Run();
    return found;
  }

  // 0: not a participant, or the conversation does not exist.
  int64_t TakeSeq(SqlSession& session, Timestamp now) {
    if (client_ids_ != nullptr) return TakeSeqAlone(session, now);
    Statement& take =
        session.Prepare(message_.as_service ? queries::kTakeSeqAsService : queries::kTakeSeq);
    take.Bind(1, message_.conversation_id);
    const int64_t changed = session.Position(now);
    if (message_.as_service) {
      take.Bind(2, now.micros).Bind(3, changed);
    } else {
      take.Bind(2, message_.sender_id).Bind(3, now.micros).Bind(4, changed);
    }
    if (!take.Step()) return 0;
    const int64_t seq = take.Int(0);
    take.Run();
    return seq;
  }

  // The same without other writers.
  int64_t TakeSeqAlone(SqlSession& session, Timestamp now) {
    Statement& read =
        session.Prepare(message_.as_service ? queries::kReadSeqAsService : queries::kReadSeq);
    read.Bind(1, message_.conversation_id);
    if (!message_.as_service) read.Bind(2, message_.sender_id);
    if (!read.Step()) return 0;
    const int64_t seq = read.Int(0) + 1;
    read.Run();
    session.Prepare(queries::kSetSeq)
        .Bind(1, message_.conversation_id)
        .Bind(2, seq)
        .Bind(3, now.micros)
        .Bind(4, session.Position(now))
        .Run();
    return seq;
  }

  NewMessage message_;
  const ConversationVersions* versions_;
  ClientIds* client_ids_;
  int64_t client_id_hash_ = 0;
  Now now_;
};

// Stores several messages in a constant number of round trips:
//
//   1  locks the rows of their conversations in the order of their ids, so that two nodes never
//      deadlock; the same pipeline checks the senders and reads messages with the same client_ids. No
//      other transaction adds to these conversations until the commit.
//   2  inserts the messages, updates the last seq of each conversation, and commits, unless a message has
//      attachments.
class MessageInsert::Together {
 public:
  Together(SqlSession& session, ConversationLocks& locks, std::span<Write* const> writes)
      : session_(session), locks_(locks) {
    for (Write* write : writes) messages_.push_back(static_cast<MessageInsert*>(write));
  }

  void LookUp(SqlPipeline& pipeline) {
    std::set<Uuid> conversations;
    std::set<Sender> senders;
    std::vector<size_t> named;  // the messages with a client_id
    for (size_t i = 0; i < messages_.size(); ++i) {
      const NewMessage& message = messages_[i]->message_;
      conversations.insert(message.conversation_id);
      if (!message.as_service) senders.insert({message.conversation_id, message.sender_id});
      if (message.client_id) named.push_back(i);
    }
    locks_.Add(pipeline, conversations);
    for (const MessageInsert* insert : messages_) {
      const NewMessage& message = insert->message_;
      if (message.named.empty() || uploads_.contains(message.sender_id)) continue;
      uploads_[message.sender_id] =
          &pipeline.Add(queries::kUnattachedOf).Bind(1, message.sender_id);
    }
    Batched members(pipeline, queries::kReadMark, queries::kReadMarks, senders.size());
    for (const auto& [conversation, user] : senders) {
      members.Next().Bind(1, conversation).Bind(2, user);
    }
    Batched repeats(pipeline, queries::kFindClientId, queries::kFindClientIds, named.size());
    for (const size_t i : named) {
      const NewMessage& message = messages_[i]->message_;
      repeats.Next()
          .Bind(1, message.conversation_id)
          .Bind(2, message.sender_id)
          .Bind(3, *message.client_id);
    }
    pipeline.Run();
    locks_.Read();
    for (const Uuid& id : conversations) {
      const std::optional<int64_t> seq = locks_.Seq(id);
      heads_[id] = {.there = seq.has_value(), .seq = seq.value_or(0), .last = {}};
    }
    for (auto& [user, rows] : uploads_) unattached_[user] = UnattachedFrom(*rows);
    members.EachWithPlace(
        1, [&, asked = std::vector(senders.begin(), senders.end())](
               const Statement&, size_t place) { members_.insert(asked.at(place)); });
    repeats.EachWithPlace(kMessageColumns + 1, [&](const Statement& row, size_t place) {
      const size_t message = named.at(place);
      repeats_.emplace(message, messages_[message]->FirstIn(row));
    });
    for (auto& [message, first] : repeats_) {
      if (first) FillAttachments(session_, {&first->message, 1});
    }
  }

  void Add(SqlPipeline& pipeline) {
    std::vector<MessageInsert*> inserts;
    for (size_t i = 0; i < messages_.size(); ++i) {
      MessageInsert& insert = *messages_[i];
      if (locks_.IsBusy(insert.message_.conversation_id)) continue;
      insert.result_ = Decide(insert, i);
      if (!insert.result_) continue;
      insert.result_->epoch = session_.Epoch();
      if (!insert.result_->duplicate) inserts.push_back(&insert);
    }
    Batched rows(pipeline, queries::kInsertMessage, queries::kInsertMessages, inserts.size());
    for (MessageInsert* insert : inserts) insert->BindTo(rows.Next(), insert->result_->message);
    std::erase_if(heads_, [](const auto& head) { return !head.second.last; });
    Batched heads(pipeline, queries::kSetSeq, queries::kSetSeqs, heads_.size());
    for (const auto& [id, head] : heads_) {
      heads.Next()
          .Bind(1, id)
          .Bind(2, head.seq)
          .Bind(3, head.last->micros)
          .Bind(4, session_.Position(*head.last));
    }
    pipeline.RunAtCommit();
    for (MessageInsert* insert : inserts) {
      Message& stored = insert->result_->message;
      Attach(session_, stored.attachments, stored.conversation_id, stored.id, 0);
    }
  }

 private:
  struct Head {
    bool there = false;
    int64_t seq = 0;
    std::optional<Timestamp> last;  // the time of the last inserted message
  };
  using Sender = std::pair<Uuid, UserId>;

  Result<StoredMessage> Decide(MessageInsert& insert, size_t place) {
    const NewMessage& message = insert.message_;
    const Sender sender{message.conversation_id, message.sender_id};
    if (const auto first = repeats_.find(place); first != repeats_.end()) return first->second;
    if (message.client_id) {
      // It may also be a retry of a message in this batch.
      const auto [earlier, is_new] = named_.try_emplace({sender, *message.client_id}, &insert);
      if (!is_new && earlier->second->result_) return insert.RepeatOf(*earlier->second);
      earlier->second = &insert;
    }
    Head& head = heads_[message.conversation_id];
    if (!head.there || (!message.as_service && !members_.contains(sender))) {
      return Fail(ErrorCode::not_participant, "You are not a participant of this conversation.");
    }
    std::vector<Attachment> attachments;
    if (!message.named.empty()) {
      AddNamed(session_, message.named, unattached_[message.sender_id], attachments);
    }
    head.last = insert.now_();
    return insert.Stored(++head.seq, *head.last, std::move(attachments));
  }

  SqlSession& session_;
  ConversationLocks& locks_;
  std::vector<MessageInsert*> messages_;
  std::map<size_t, Result<StoredMessage>> repeats_;  // by the place of the message
  std::map<Uuid, Head> heads_;
  std::set<Sender> members_;  // those who are participants
  std::map<UserId, Statement*> uploads_;
  std::map<UserId, std::set<Uuid>> unattached_;  // what messages of this batch have not taken
  std::map<std::pair<Sender, std::string>, MessageInsert*> named_;
};

void MessageInsert::ApplyTogether(SqlSession& session, SqlPipeline& first, ConversationLocks& locks,
                                  std::span<Write* const> writes) {
  Together together(session, locks, writes);
  together.LookUp(first);
  const auto second = session.NewPipeline();
  together.Add(*second);
}

}  // namespace

void SqlStore::InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) {
  commits_.Submit(std::make_unique<MessageInsert>(std::move(message), versions_.get(),
                                                  client_ids_.get(), on, std::move(done),
                                                  [this] { return NextTime(); }));
}

void SqlStore::CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                           Answer<int64_t> done) {
  OnReader<int64_t>(on, std::move(done), [=, this](SqlSession& session) -> Result<int64_t> {
    if (!conversation) return UnreadOfAll(session, reader);
    const auto mark = ReadMark(session, *conversation, reader);
    if (!mark) return Fail(Error::NotFound());
    return UnreadIn(session, *conversation, reader, MarkOf(*conversation, reader, *mark));
  });
}

void SqlStore::ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                           Answer<Message> done) {
  OnReader<Message>(on, std::move(done), [=](SqlSession& session) -> Result<Message> {
    Statement& row = session.Prepare(queries::kMessage).Bind(1, message);
    if (!row.Step()) return Fail(Error::NotFound());
    Message found = MessageFrom(row);
    row.Run();
    if (!as_service && !ReadMark(session, found.conversation_id, reader)) {
      return Fail(Error::NotFound());
    }
    FillAttachments(session, {&found, 1});
    return found;
  });
}

}  // namespace parley

#include "store/sql_store.h"

#include <algorithm>

#include "store/queries.h"
#include "store/rows.h"

namespace parley {
namespace {

constexpr int kMembersShown = 100;

std::string DirectKey(const std::vector<UserId>& two) {
  return std::min(two[0], two[1]) + "|" + std::max(two[0], two[1]);  // no id holds a bar
}

void ReadMembers(SqlSession& session, Conversation& conversation) {
  Statement& rows =
      session.Prepare(queries::kMembers).Bind(1, conversation.id).Bind(2, kMembersShown);
  while (rows.Step()) {
    Member member{.user = std::string(rows.Text(0)),
                  .role = static_cast<Role>(rows.Int(1)),
                  .joined_at = {rows.Int(2)},
                  .last_read_seq = rows.Int(3)};
    if (!rows.IsNull(4)) member.last_read_at = Timestamp{rows.Int(4)};
    conversation.members.push_back(std::move(member));
  }
}

std::optional<Conversation> FindConversation(SqlSession& session, const Uuid& id) {
  Statement& row = session.Prepare(queries::kConversation).Bind(1, id);
  if (!row.Step()) return std::nullopt;
  Conversation conversation = ConversationFrom(row);
  row.Run();
  ReadMembers(session, conversation);
  return conversation;
}

// The reader's mark, or none for somebody who is not in it.
std::optional<int64_t> ReadMark(SqlSession& session, const Uuid& conversation, const UserId& user) {
  Statement& row = session.Prepare(queries::kReadMark).Bind(1, conversation).Bind(2, user);
  if (!row.Step()) return std::nullopt;
  const int64_t mark = row.Int(0);
  row.Run();
  return mark;
}

int64_t NumberFrom(Statement& row) {
  const int64_t number = row.Step() ? row.Int(0) : 0;
  row.Run();
  return number;
}

int64_t UnreadIn(SqlSession& session, const Uuid& conversation, const UserId& reader,
                 int64_t read_mark) {
  return NumberFrom(
      session.Prepare(queries::kUnread).Bind(1, conversation).Bind(2, read_mark).Bind(3, reader));
}

void AddReaderPart(SqlSession& session, ConversationView& view, const UserId& reader,
                   int64_t read_mark) {
  view.unread_count = UnreadIn(session, view.conversation.id, reader, read_mark);
  Statement& last = session.Prepare(queries::kLastMessage).Bind(1, view.conversation.id);
  if (last.Step()) {
    view.last_message = MessageFrom(last);
    last.Run();
  }
}

// A write whose outcome is a Result<T>.
template <class T>
class WriteOf : public Write {
 public:
  WriteOf(Executor& on, parley::Answer<T> done) : Write(on), done_(std::move(done)) {}
  void Answer(const Error* failure) final {
    if (failure != nullptr) return done_(Fail(*failure));
    done_(std::move(result_));
  }

 protected:
  Result<T> result_ = Fail(ErrorCode::internal, "The write was not applied.");

 private:
  parley::Answer<T> done_;
};

using Now = std::function<Timestamp()>;

class MessageInsert final : public WriteOf<StoredMessage> {
 public:
  MessageInsert(NewMessage message, Executor& on, parley::Answer<StoredMessage> done, Now now)
      : WriteOf(on, std::move(done)), message_(std::move(message)), now_(std::move(now)) {}

  size_t bytes() const override { return 512 + message_.content.size() + message_.metadata.size(); }

  void Apply(SqlSession& session) override { result_ = Insert(session); }

 private:
  Result<StoredMessage> Insert(SqlSession& session) {
    if (message_.client_id) {
      if (auto first = FindFirst(session)) return std::move(*first);
    }
    if (message_.reply_to && !Replies(session)) {
      return Fail(Error::Field("reply_to", "There is no such message in this conversation."));
    }
    const Timestamp now = now_();
    const int64_t seq = TakeSeq(session, now);
    if (seq == 0) return Fail(ErrorCode::not_participant, "You are not in this conversation.");

    Statement& insert = session.Prepare(queries::kInsertMessage)
                            .Bind(1, message_.conversation_id)
                            .Bind(2, seq)
                            .Bind(3, message_.id)
                            .Bind(4, message_.sender_id)
                            .Bind(5, message_.content)
                            .Bind(6, message_.content_type)
                            .Bind(7, now.micros)
                            .Bind(8, message_.reply_to)
                            .Bind(9, message_.metadata)
                            .Bind(10, message_.client_id);
    if (message_.client_id) insert.BindBlob(11, message_.request_hash);
    insert.Run();

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
                      .client_id = message_.client_id};
    return stored;
  }

  // What the same client_id stored before: a repeat, or a reuse for something else.
  std::optional<Result<StoredMessage>> FindFirst(SqlSession& session) {
    Statement& row = session.Prepare(queries::kFindClientId)
                         .Bind(1, message_.conversation_id)
                         .Bind(2, message_.sender_id)
                         .Bind(3, *message_.client_id);
    if (!row.Step()) return std::nullopt;
    StoredMessage first{.message = MessageFrom(row), .duplicate = true};
    const std::string_view hash = row.Blob(kMessageColumns);
    const bool same = std::ranges::equal(hash, message_.request_hash, [](char a, uint8_t b) {
      return static_cast<uint8_t>(a) == b;
    });
    row.Run();
    if (!same) {
      return Fail(ErrorCode::client_id_reused,
                  "This client_id was sent before with another request.");
    }
    return Result<StoredMessage>(std::move(first));
  }

  bool Replies(SqlSession& session) {
    Statement& row = session.Prepare(queries::kMessageInConversation)
                         .Bind(1, *message_.reply_to)
                         .Bind(2, message_.conversation_id);
    const bool found = row.Step();
    if (found) row.Run();
    return found;
  }

  // 0: not a participant, or no such conversation.
  int64_t TakeSeq(SqlSession& session, Timestamp now) {
    Statement& take =
        session.Prepare(message_.as_service ? queries::kTakeSeqAsService : queries::kTakeSeq);
    take.Bind(1, message_.conversation_id);
    if (message_.as_service) {
      take.Bind(2, now.micros);
    } else {
      take.Bind(2, message_.sender_id).Bind(3, now.micros);
    }
    if (!take.Step()) return 0;
    const int64_t seq = take.Int(0);
    take.Run();
    return seq;
  }

  NewMessage message_;
  Now now_;
};

class ConversationInsert final : public WriteOf<CreatedConversation> {
 public:
  ConversationInsert(NewConversation wanted, Executor& on, parley::Answer<CreatedConversation> done,
                     Now now)
      : WriteOf(on, std::move(done)), wanted_(std::move(wanted)), now_(std::move(now)) {}

  size_t bytes() const override { return 512 + wanted_.participants.size() * 128; }

  void Apply(SqlSession& session) override {
    std::optional<std::string> direct_key;
    if (wanted_.type == ConversationType::kDirect) {
      direct_key = DirectKey(wanted_.participants);
      Statement& row = session.Prepare(queries::kFindDirect).Bind(1, *direct_key);
      if (row.Step()) {
        const Uuid id = row.Id(0);
        row.Run();
        result_ = CreatedConversation{*FindConversation(session, id), false};
        return;
      }
    }
    Insert(session, direct_key);
    result_ = CreatedConversation{*FindConversation(session, wanted_.id), true};
  }

 private:
  void Insert(SqlSession& session, const std::optional<std::string>& direct_key) {
    const Timestamp now = now_();
    session.Prepare(queries::kInsertConversation)
        .Bind(1, wanted_.id)
        .Bind(2, Name(wanted_.type))
        .Bind(3, wanted_.title)
        .Bind(4, now.micros)
        .Bind(5, wanted_.metadata)
        .Bind(6, static_cast<int64_t>(wanted_.participants.size()))
        .Bind(7, direct_key)
        .Run();
    int64_t joined_at = now.micros;
    for (const UserId& user : wanted_.participants) {
      const Role role = user == wanted_.creator ? Role::kOwner : Role::kMember;
      session.Prepare(queries::kInsertParticipant)
          .Bind(1, wanted_.id)
          .Bind(2, user)
          .Bind(3, joined_at++)  // keeps the order in which they were named
          .Bind(4, static_cast<int64_t>(role))
          .Run();
    }
  }

  NewConversation wanted_;
  Now now_;
};

}  // namespace

SqlStore::SqlStore(std::unique_ptr<SqlSession> writer, const ReaderPool::Open& open_reader,
                   const Uuid& identity, SqlStoreOptions options, const Clock& clock,
                   std::shared_ptr<void> held)
    : held_(std::move(held)),
      clock_(clock),
      identity_(identity),
      last_time_(NumberFrom(writer->Prepare(queries::kLastChange))),
      readers_(open_reader, options.reader_threads, options.queue_reads),
      commits_(std::move(writer), options.queue_writes) {}

Timestamp SqlStore::NextTime() {
  last_time_ = std::max(last_time_ + 1, clock_.Now().micros);
  return {last_time_};
}

void SqlStore::Close() {
  commits_.Close();
  readers_.Close();
}

// --- writes

void SqlStore::InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) {
  commits_.Submit(std::make_unique<MessageInsert>(std::move(message), on, std::move(done),
                                                  [this] { return NextTime(); }));
}

void SqlStore::CreateConversation(NewConversation conversation, Executor& on,
                                  Answer<CreatedConversation> done) {
  commits_.Submit(std::make_unique<ConversationInsert>(std::move(conversation), on, std::move(done),
                                                       [this] { return NextTime(); }));
}

// --- reads

template <class T, class Read>
void SqlStore::OnReader(Executor& on, Answer<T> done, Read read) {
  readers_.Submit(
      [&on, done = std::move(done), read = std::move(read)](SqlSession* session) mutable {
        Result<T> result = Fail(Error::StoreUnavailable());
        if (session != nullptr) {
          try {
            session->BeginRead();
            result = read(*session);
            session->Commit();
          } catch (const StoreFailure& error) {
            session->Rollback();
            log::error("read failed error={}", error.what());
            result = Fail(Error::StoreUnavailable());
          }
        }
        on.Post([done = std::move(done), result = std::move(result)]() mutable {
          done(std::move(result));
        });
      });
}

void SqlStore::LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                        Answer<ConversationHead> done) {
  OnReader<ConversationHead>(
      on, std::move(done), [=](SqlSession& session) -> Result<ConversationHead> {
        Statement& row = session.Prepare(queries::kConversation).Bind(1, conversation);
        if (!row.Step()) return Fail(Error::NotFound());
        const Conversation found = ConversationFrom(row);
        row.Run();
        ConversationHead head{
            .seq = found.seq, .type = found.type, .participant_count = found.participant_count};
        if (found.participant_count <= static_cast<int64_t>(participants_limit)) {
          Statement& members = session.Prepare(queries::kMembers)
                                   .Bind(1, conversation)
                                   .Bind(2, static_cast<int64_t>(participants_limit));
          while (members.Step()) head.participants.emplace_back(members.Text(0));
        }
        return head;
      });
}

void SqlStore::IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) {
  OnReader<bool>(on, std::move(done), [=](SqlSession& session) -> Result<bool> {
    return ReadMark(session, conversation, user).has_value();
  });
}

void SqlStore::ReadConversation(Uuid conversation, UserId reader, bool as_service, Executor& on,
                                Answer<ConversationView> done) {
  OnReader<ConversationView>(
      on, std::move(done), [=](SqlSession& session) -> Result<ConversationView> {
        const auto mark = ReadMark(session, conversation, reader);
        if (!mark && !as_service) return Fail(Error::NotFound());
        auto found = FindConversation(session, conversation);
        if (!found) return Fail(Error::NotFound());
        ConversationView view{.conversation = std::move(*found)};
        AddReaderPart(session, view, reader, mark.value_or(view.conversation.seq));
        return view;
      });
}

void SqlStore::ListConversations(UserId reader, int limit, std::optional<ConversationCursor> after,
                                 Executor& on, Answer<PageOfConversations> done) {
  OnReader<PageOfConversations>(
      on, std::move(done), [=](SqlSession& session) -> Result<PageOfConversations> {
        PageOfConversations page;
        std::vector<int64_t> marks;
        Statement& rows =
            session.Prepare(after ? queries::kListConversationsAfter : queries::kListConversations);
        rows.Bind(1, reader).Bind(2, int64_t{limit == 0 ? -1 : limit + 1});
        if (after) rows.Bind(3, after->activity.micros).Bind(4, after->id);
        while (rows.Step()) {
          page.conversations.push_back({.conversation = ConversationFrom(rows)});
          marks.push_back(rows.Int(kConversationColumns));
        }
        if (limit > 0 && page.conversations.size() > static_cast<size_t>(limit)) {
          page.conversations.pop_back();
          page.has_more = true;
        }
        for (size_t i = 0; i < page.conversations.size(); ++i) {
          ReadMembers(session, page.conversations[i].conversation);
          AddReaderPart(session, page.conversations[i], reader, marks[i]);
        }
        return page;
      });
}

void SqlStore::CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                           Answer<int64_t> done) {
  OnReader<int64_t>(on, std::move(done), [=](SqlSession& session) -> Result<int64_t> {
    if (!conversation) return NumberFrom(session.Prepare(queries::kUnreadOfAll).Bind(1, reader));
    const auto mark = ReadMark(session, *conversation, reader);
    if (!mark) return Fail(Error::NotFound());
    return UnreadIn(session, *conversation, reader, *mark);
  });
}

void SqlStore::ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) {
  OnReader<PageOfMessages>(
      on, std::move(done),
      [query = std::move(query)](SqlSession& session) -> Result<PageOfMessages> {
        if (!query.as_service && !ReadMark(session, query.conversation_id, query.reader)) {
          return Fail(Error::NotFound());
        }
        int64_t before = INT64_MAX;
        if (query.before_id) {
          Statement& row = session.Prepare(queries::kMessageInConversation)
                               .Bind(1, *query.before_id)
                               .Bind(2, query.conversation_id);
          if (!row.Step()) {
            return Fail(
                Error::Field("before_id", "There is no such message in this conversation."));
          }
          before = row.Int(0);
          row.Run();
        }
        Statement& rows =
            session.Prepare(query.after_seq ? queries::kHistoryAfter : queries::kHistory);
        rows.Bind(1, query.conversation_id);
        if (query.after_seq) {
          rows.Bind(2, *query.after_seq).Bind(3, query.limit + 1);
        } else {
          rows.Bind(2, before).Bind(3, int64_t{query.include_deleted}).Bind(4, query.limit + 1);
        }
        PageOfMessages page;
        while (rows.Step()) page.messages.push_back(MessageFrom(rows));
        if (page.messages.size() > static_cast<size_t>(query.limit)) {
          page.messages.pop_back();
          page.has_more = true;
        }
        return page;
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
    return found;
  });
}

void SqlStore::ReadChanges(Uuid conversation, int64_t since, int limit, Executor& on,
                           Answer<ChangesSince> done) {
  OnReader<ChangesSince>(on, std::move(done), [=](SqlSession& session) -> Result<ChangesSince> {
    Statement& row = session.Prepare(queries::kConversation).Bind(1, conversation);
    if (!row.Step()) return Fail(Error::NotFound());
    ChangesSince out{.head = ConversationFrom(row).seq};
    row.Run();
    Statement& rows = session.Prepare(queries::kHistoryAfter)
                          .Bind(1, conversation)
                          .Bind(2, since)
                          .Bind(3, int64_t{limit});
    while (rows.Step()) {
      Message message = MessageFrom(rows);
      const int64_t seq = message.seq;
      out.changes.push_back({seq, std::move(message)});
    }
    return out;
  });
}

void SqlStore::ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                             Answer<UserConversations> done) {
  OnReader<UserConversations>(
      on, std::move(done), [=](SqlSession& session) -> Result<UserConversations> {
        UserConversations out;
        out.cursor = since_cursor.value_or(0);
        Statement& rows =
            session.Prepare(queries::kUserHeads).Bind(1, user).Bind(2, since_cursor.value_or(0));
        while (rows.Step()) {
          out.heads.push_back({rows.Id(0), rows.Int(1)});
          out.cursor = std::max(out.cursor, rows.Int(2));
        }
        return out;
      });
}

}  // namespace parley

// SqlStore: conversations and their participants. Lists of conversations: sql_lists.cc.
#include <algorithm>
#include <deque>

#include "store/sql_work.h"

namespace parley {
namespace {

// A creation with more participants than this is a long write.
constexpr size_t kFewParticipants = 500;
// The rows of one statement, few enough for its deadline on a slow disk.
constexpr size_t kParticipantsAtOnce = 5'000;

// The keys of a direct conversation: the two ids, sorted. Version 0.1.0, whose ids contained no bar, joined them
// with a bar and knows no other key, so new conversations get that one if it is unambiguous. Databases that
// were taken over, and SQLite stores of version 0.1.0, have keys with a space, which no id contains.
struct DirectKeys {
  std::string for_new, with_space;

  explicit DirectKeys(const std::vector<UserId>& two) {
    const auto& [first, second] = std::minmax(two[0], two[1]);
    with_space = first + " " + second;
    for_new = with_space.find('|') != std::string::npos ? with_space : first + "|" + second;
  }
};

void AddReaderPart(SqlSession& session, ConversationView& view, const UserId& reader,
                   int64_t read_mark) {
  view.unread_count = UnreadIn(session, view.conversation.id, reader, read_mark);
  Statement& last = session.Prepare(queries::kLastMessage).Bind(1, view.conversation.id);
  if (last.Step()) {
    view.last_message = MessageFrom(last);
    last.Run();
    FillAttachments(session, {&*view.last_message, 1});
  }
}

class ConversationInsert final : public WriteOf<CreatedConversation> {
 public:
  ConversationInsert(NewConversation wanted, const ConversationVersions* versions, Executor& on,
                     parley::Answer<CreatedConversation> done, Now now)
      : WriteOf(on, std::move(done)),
        wanted_(std::move(wanted)),
        versions_(versions),
        now_(std::move(now)) {}

  size_t bytes() const override { return 512 + wanted_.participants.size() * 128; }
  bool is_long() const override { return wanted_.participants.size() > kFewParticipants; }

  void Apply(SqlSession& session) override {
    std::optional<std::string> direct_key;
    if (wanted_.type == ConversationType::kDirect) {
      const DirectKeys keys(wanted_.participants);
      Statement& row = session.Prepare(queries::kFindDirect);
      if (FindExisting(session, row.Bind(1, keys.for_new).Bind(2, keys.with_space))) return;
      direct_key = keys.for_new;
    }
    if (wanted_.task_id &&
        FindExisting(session, session.Prepare(queries::kFindTask).Bind(1, *wanted_.task_id))) {
      const Uuid there = result_->conversation.id;
      if (!wanted_.by_service || !IsSquatted(session, there)) return;
      session.Prepare(queries::kReleaseTask).Bind(1, there).Run();
    }
    if (!CheckUsers(session, wanted_.participants)) {
      result_ = Fail(Error::UnknownUser());
      return;
    }
    BeginJoins(versions_, wanted_.participants);
    Insert(session, direct_key);
    if (wanted_.task_id && wanted_.by_service) {
      session.Prepare(queries::kSetTaskByService).Bind(1, wanted_.id).Run();
    }
    result_ = CreatedConversation{*FindConversation(session, wanted_.id), true};
  }

 private:
  bool FindExisting(SqlSession& session, Statement& row) {
    if (!row.Step()) return false;
    const Uuid id = row.Id(0);
    row.Run();
    result_ = CreatedConversation{*FindConversation(session, id), false};
    return true;
  }

  // The conversation was not created by a service, and lacks one of the two users.
  bool IsSquatted(SqlSession& session, const Uuid& there) const {
    if (NumberFrom(session.Prepare(queries::kTaskByService).Bind(1, there)) != 0) return false;
    return !std::ranges::all_of(wanted_.participants, [&](const UserId& user) {
      return ReadMark(session, there, user).has_value();
    });
  }

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
        .Bind(8, wanted_.task_id)
        .Bind(9, session.Position(now))
        .Run();
    if (const auto pipeline = session.NewPipeline()) {
      InsertTogether(*pipeline, now);
    } else {
      InsertEach(session, now);
    }
    LogAccess(session, AccessChange::Kind::kJoined, wanted_.id, wanted_.participants, now);
  }

  // Participants join a microsecond apart, which keeps the order of the request.
  void InsertEach(SqlSession& session, Timestamp now) {
    int64_t joined_at = now.micros;
    for (const UserId& user : wanted_.participants) {
      const Role role = user == wanted_.creator ? Role::kOwner : Role::kMember;
      session.Prepare(queries::kInsertParticipant)
          .Bind(1, wanted_.id)
          .Bind(2, user)
          .Bind(3, joined_at++)
          .Bind(4, static_cast<int64_t>(role))
          .Run();
    }
  }

  void InsertTogether(SqlPipeline& pipeline, Timestamp now) {
    int64_t joined_at = now.micros;
    std::span<const UserId> left = wanted_.participants;
    std::deque<std::string> texts;  // valid until the pipeline has run
    while (!left.empty()) {
      const auto some = left.first(std::min(kParticipantsAtOnce, left.size()));
      texts.push_back(JoinUsers(some));
      pipeline.Add(queries::kInsertParticipants)
          .Bind(1, wanted_.id)
          .Bind(2, texts.back())
          .Bind(3, joined_at)
          .Bind(4, wanted_.creator)
          .Bind(5, static_cast<int64_t>(Role::kOwner));
      joined_at += static_cast<int64_t>(some.size());
      left = left.subspan(some.size());
    }
    pipeline.Run();
  }

  NewConversation wanted_;
  const ConversationVersions* versions_;
  Now now_;
};

}  // namespace

void SqlStore::CreateConversation(NewConversation conversation, Executor& on,
                                  Answer<CreatedConversation> done) {
  commits_.Submit(std::make_unique<ConversationInsert>(std::move(conversation), versions_.get(), on,
                                                       std::move(done),
                                                       [this] { return NextTime(); }));
}

void SqlStore::LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                        Answer<ConversationHead> done) {
  OnReader<ConversationHead>(
      on, std::move(done), [=](SqlSession& session) -> Result<ConversationHead> {
        Statement& row = session.Prepare(queries::kConversation).Bind(1, conversation);
        if (!row.Step()) return Fail(Error::NotFound());
        const Conversation found = ConversationFrom(row);
        row.Run();
        ConversationHead head{.seq = found.seq,
                              .epoch = session.Epoch(),
                              .type = found.type,
                              .participant_count = found.participant_count};
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
      on, std::move(done), [=, this](SqlSession& session) -> Result<ConversationView> {
        const auto mark = ReadMark(session, conversation, reader);
        if (!mark && !as_service) return Fail(Error::NotFound());
        auto found = FindConversation(session, conversation);
        if (!found) return Fail(Error::NotFound());
        ConversationView view{.conversation = std::move(*found)};
        ShowMarks(conversation, view.conversation.members);
        AddReaderPart(session, view, reader,
                      mark ? MarkOf(conversation, reader, *mark) : view.conversation.seq);
        return view;
      });
}

void SqlStore::FindTask(std::string task_id, UserId reader, bool as_service, Executor& on,
                        Answer<Uuid> done) {
  OnReader<Uuid>(on, std::move(done), [=](SqlSession& session) -> Result<Uuid> {
    Statement& row = session.Prepare(queries::kFindTask).Bind(1, task_id);
    if (!row.Step()) return Fail(Error::NotFound());
    const Uuid id = row.Id(0);
    row.Run();
    if (!as_service && !ReadMark(session, id, reader)) return Fail(Error::NotFound());
    return id;
  });
}

void SqlStore::ListMembers(Uuid conversation, UserId reader, bool as_service, int limit,
                           std::optional<MemberCursor> after, Executor& on,
                           Answer<PageOfMembers> done) {
  OnReader<PageOfMembers>(
      on, std::move(done),
      [=, this](SqlSession& session) -> Result<PageOfMembers> {
        const bool visible = as_service ? FindConversation(session, conversation).has_value()
                                        : ReadMark(session, conversation, reader).has_value();
        if (!visible) return Fail(Error::NotFound());
        Statement& rows = session.Prepare(after ? queries::kMembersAfter : queries::kMembers);
        rows.Bind(1, conversation).Bind(2, limit + 1);
        if (after) rows.Bind(3, after->joined_at.micros).Bind(4, after->user);
        PageOfMembers page;
        while (rows.Step()) page.members.push_back(MemberFrom(rows));
        if (page.members.size() > static_cast<size_t>(limit)) {
          page.members.pop_back();
          page.has_more = true;
        }
        ShowMarks(conversation, page.members);
        return page;
      },
      ReadClass::kBulk);
}

void SqlStore::ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                             Answer<UserConversations> done) {
  OnReader<UserConversations>(
      on, std::move(done), [=](SqlSession& session) -> Result<UserConversations> {
        UserConversations out;
        const std::optional<int64_t> horizon = session.ChangeHorizon();
        out.cursor = horizon ? *horizon : NumberFrom(session.Prepare(queries::kChangeHorizon));
        // A cursor beyond the clock is from another store, or from before a restore.
        const bool known = since_cursor && *since_cursor <= out.cursor;
        Statement& rows =
            session.Prepare(queries::kUserHeads).Bind(1, user).Bind(2, known ? *since_cursor : 0);
        out.epoch = session.Epoch();
        while (rows.Step()) {
          out.heads.push_back({rows.Id(0), rows.Int(1), out.epoch, rows.Int(2)});
        }
        return out;
      });
}

}  // namespace parley

// SqlStore: adopts the changes of other writers in a taken-over database. The triggers of the database add a row to
// parley_inbox for each change; the conversation's lane gives the changes their seqs and removes the rows, in one
// transaction.
#include <algorithm>
#include <set>

#include "store/inbox_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

constexpr int64_t kChangesAtOnce = 500;

enum class InboxKind {  // the numbers are stored
  kInserted = 0,
  kUpdated = 1,
  kDeleted = 2,
  kConversation = 3,  // its fields or its members
};

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += ' ';
    text += item;
  }
  return text;
}

class Adoption final : public WriteOf<Adopted> {
 public:
  Adoption(const Uuid& conversation, Executor& on, parley::Answer<Adopted> done, Now now)
      : WriteOf(on, std::move(done)), conversation_(conversation), now_(std::move(now)) {}

  std::optional<Uuid> conversation() const override { return conversation_; }

  void Apply(SqlSession& session) override {
    result_ = Adopted{.epoch = session.Epoch()};
    inbox_ = {};
    ReadInbox(session);
    if (inbox_.rows.empty()) return;
    if (auto found = FindConversation(session, conversation_)) AdoptAll(session, *found);
    session.Prepare(queries::kClearInbox).Bind(1, Join(inbox_.rows)).Run();
    result_->more = inbox_.rows.size() == kChangesAtOnce;
  }

 private:
  struct Deleted {
    Uuid message;
    int64_t seq;
  };
  struct Inbox {
    std::vector<std::string> rows;               // their ids
    std::vector<std::string> inserted, updated;  // ids of messages
    std::vector<Deleted> deleted;
    bool conversation = false;
  };

  void ReadInbox(SqlSession& session) {
    Statement& rows =
        session.Prepare(queries::kInbox).Bind(1, conversation_).Bind(2, kChangesAtOnce);
    while (rows.Step()) {
      inbox_.rows.push_back(std::to_string(rows.Int(0)));
      switch (static_cast<InboxKind>(rows.Int(1))) {
        case InboxKind::kInserted:
          inbox_.inserted.push_back(rows.Id(2).ToString());
          break;
        case InboxKind::kUpdated:
          inbox_.updated.push_back(rows.Id(2).ToString());
          break;
        case InboxKind::kDeleted:
          inbox_.deleted.push_back({rows.Id(2), rows.Int(3)});
          break;
        case InboxKind::kConversation:
          inbox_.conversation = true;
          break;
      }
    }
  }

  // The order of the seqs: the members, then messages by the time of sending, then changes of earlier messages.
  void AdoptAll(SqlSession& session, const Conversation& before) {
    const Timestamp now = now_();
    const int64_t old_head = before.seq;
    head_ = old_head;
    if (inbox_.conversation) AdoptConversation(session);
    const std::optional<Timestamp> last_sent = NumberMessages(session);
    AdoptEdits(session, old_head, now);
    for (const Deleted& gone : inbox_.deleted) {
      session.Prepare(queries::kInsertTombstone)
          .Bind(1, conversation_)
          .Bind(2, gone.seq)
          .Bind(3, gone.message)
          .Run();
      InsertChange(session, ChangeKind::kMessageDeleted, gone.seq);
    }
    Statement& set = session.Prepare(queries::kAdoptHead)
                         .Bind(1, conversation_)
                         .Bind(2, head_)
                         .Bind(3, session.Position(now));
    if (last_sent) {
      set.Bind(4, last_sent->micros);
    } else {
      set.BindNull(4);
    }
    set.Run();
    result_->head = head_;
    result_->changes = head_ - old_head;
  }

  // Creating a conversation takes no seq.
  void AdoptConversation(SqlSession& session) {
    for (const Query* query : {&queries::kRecount, &queries::kAdoptPair, &queries::kAdoptTask}) {
      session.Prepare(*query).Bind(1, conversation_).Run();
    }
    if (head_ > 0) InsertChange(session, ChangeKind::kConversationUpdated, std::nullopt);
  }

  std::optional<Timestamp> NumberMessages(SqlSession& session) {
    std::vector<Uuid> fresh;
    std::optional<Timestamp> last;
    Statement& rows = session.Prepare(queries::kInboxMessages)
                          .Bind(1, conversation_)
                          .Bind(2, Join(inbox_.inserted));
    while (rows.Step()) {
      if (!rows.IsNull(1)) continue;  // numbered by the takeover
      fresh.push_back(rows.Id(0));
      last = Timestamp{rows.Int(2)};
    }
    RunForEach(session, queries::kNumberMessage, fresh,
               [&](Statement& number, const Uuid& id) { number.Bind(1, id).Bind(2, ++head_); });
    return last;
  }

  // A message that got its seq just now needs no other event. A deleted message stays deleted: a writer
  // that had loaded it earlier, such as Django's save(), writes its text again.
  void AdoptEdits(SqlSession& session, int64_t old_head, Timestamp now) {
    std::vector<Uuid> deleted;
    std::vector<std::pair<Uuid, int64_t>> edited;
    Statement& rows = session.Prepare(queries::kInboxMessages)
                          .Bind(1, conversation_)
                          .Bind(2, Join(inbox_.updated));
    while (rows.Step()) {
      if (!rows.IsNull(3)) {
        deleted.push_back(rows.Id(0));
      } else if (!rows.IsNull(1) && rows.Int(1) <= old_head) {
        edited.emplace_back(rows.Id(0), rows.Int(1));
      }
    }
    RunForEach(session, queries::kEraseAgain, deleted,
               [](Statement& erase, const Uuid& id) { erase.Bind(1, id); });
    for (const auto& [id, seq] : edited) {
      session.Prepare(queries::kStampEdited).Bind(1, id).Bind(2, now.micros).Run();
      InsertChange(session, ChangeKind::kMessageUpdated, seq);
    }
  }

  void InsertChange(SqlSession& session, ChangeKind kind, std::optional<int64_t> message_seq) {
    session.Prepare(queries::kInsertChange)
        .Bind(1, conversation_)
        .Bind(2, ++head_)
        .Bind(3, static_cast<int64_t>(kind))
        .Bind(4, message_seq)
        .Run();
  }

  const Uuid conversation_;
  Now now_;
  Inbox inbox_;
  int64_t head_ = 0;
};

}  // namespace

void SqlStore::Adopt(Uuid conversation, Executor& on, Answer<Adopted> done) {
  commits_.Submit(
      std::make_unique<Adoption>(conversation, on, std::move(done), [this] { return NextTime(); }));
}

void SqlStore::ListInbox(int limit, Executor& on, Answer<std::vector<Uuid>> done) {
  OnReader<std::vector<Uuid>>(
      on, std::move(done),
      [=](SqlSession& session) -> Result<std::vector<Uuid>> {
        std::vector<Uuid> out;
        if (!session.IsTakenOver()) return out;
        Statement& rows = session.Prepare(queries::kInboxConversations).Bind(1, limit);
        while (rows.Step()) out.push_back(rows.Id(0));
        return out;
      },
      ReadClass::kCritical);
}

}  // namespace parley

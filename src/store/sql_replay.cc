// SqlStore: the events of a conversation after a seq: messages, and changes of them and of the conversation.
// A page is bounded in rows and in bytes, and reads little more than it returns.
#include <algorithm>

#include "store/inbox_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

class ChangesPage {
 public:
  ChangesPage(SqlSession& session, const Uuid& conversation, int64_t since, int limit,
              size_t max_bytes)
      : session_(session),
        conversation_(conversation),
        since_(since),
        limit_(static_cast<size_t>(limit)),
        max_bytes_(max_bytes) {}

  Result<ChangesSince> Read() {
    auto found = FindConversation(session_, conversation_);
    if (!found) return Fail(Error::NotFound());
    now_ = std::make_shared<const Conversation>(std::move(*found));
    end_ = now_->seq;
    if (session_.ReadsAhead() && max_bytes_ != SIZE_MAX) FindEnd();
    ReadRows(queries::kCreatedAfter, &ChangesPage::TakeMessage);
    const auto middle = static_cast<std::ptrdiff_t>(changes_.size());
    ReadRows(queries::kChangesAfter, &ChangesPage::TakeChange);
    FindTombstones();
    std::ranges::inplace_merge(changes_, changes_.begin() + middle, {}, &Change::seq);
    std::erase_if(changes_, [&](const Change& change) { return change.seq > end_; });
    if (changes_.size() > limit_) {
      changes_.resize(limit_);
      end_ = changes_.back().seq;
    }
    std::vector<Message*> messages;
    for (Change& change : changes_) messages.push_back(&change.message);
    FillAttachments(session_, messages);
    return ChangesSince{.changes = std::move(changes_),
                        .through = std::max(since_, end_),
                        .head = now_->seq,
                        .epoch = session_.Epoch()};
  }

 private:
  Statement& Ask(const Query& query, int64_t last) {
    return session_.Prepare(query)
        .Bind(1, conversation_)
        .Bind(2, since_)
        .Bind(3, static_cast<int64_t>(limit_))
        .Bind(4, last);
  }

  // If rows arrive all at once, read their sizes first.
  void FindEnd() {
    const int64_t end = NumberFrom(Ask(queries::kPageEnd, static_cast<int64_t>(max_bytes_)));
    if (end > 0) end_ = std::min(end_, end);
  }

  // If rows arrive one by one, stop at the bound; later rows belong to a later page.
  void ReadRows(const Query& query, bool (ChangesPage::*take)(const Statement&, Change&)) {
    Statement& rows = Ask(query, end_);
    size_t bytes = 0, count = 0;
    while (rows.Step()) {
      Change change;
      const bool there = (this->*take)(rows, change);
      const int64_t seq = change.seq;
      bytes += change.message.content.size();
      if (there) changes_.push_back(std::move(change));
      if (++count < limit_ && bytes < max_bytes_) continue;
      end_ = std::min(end_, seq);
      session_.Prepare(query);  // ends the statement
      return;
    }
  }

  bool TakeMessage(const Statement& row, Change& change) {
    change.message = MessageFrom(row);
    change.seq = change.message.seq;
    return true;
  }

  // Returns false if retention has deleted the message.
  bool TakeChange(const Statement& row, Change& change) {
    change.seq = row.Int(kMessageColumns);
    change.kind = static_cast<ChangeKind>(row.Int(kMessageColumns + 1));
    if (change.kind == ChangeKind::kConversationUpdated) {
      change.conversation = now_;
      return true;
    }
    if (change.kind == ChangeKind::kRestored) {
      change.message.conversation_id = conversation_;
      change.message.seq = row.Int(kMessageColumns + 2);
      return true;
    }
    if (!row.IsNull(0)) {
      change.message = MessageFrom(row);
      return true;
    }
    if (change.kind != ChangeKind::kMessageDeleted || !session_.IsTakenOver()) return false;
    change.message.conversation_id = conversation_;
    change.message.seq = row.Int(kMessageColumns + 2);
    return true;
  }

  // Another writer deletes messages with their rows.
  void FindTombstones() {
    std::erase_if(changes_, [&](Change& change) {
      const bool has_row = change.kind == ChangeKind::kConversationUpdated ||
                           change.kind == ChangeKind::kRestored || change.message.id != Uuid();
      if (has_row) return false;
      Statement& row =
          session_.Prepare(queries::kTombstone).Bind(1, conversation_).Bind(2, change.message.seq);
      if (!row.Step()) return true;
      change.message.id = row.Id(0);
      row.Run();
      return false;
    });
  }

  SqlSession& session_;
  const Uuid& conversation_;
  const int64_t since_;
  const size_t limit_, max_bytes_;
  std::shared_ptr<const Conversation> now_;
  int64_t end_ = 0;  // the last seq of the page
  std::vector<Change> changes_;
};

}  // namespace

void SqlStore::ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes,
                           Executor& on, Answer<ChangesSince> done) {
  OnReader<ChangesSince>(on, std::move(done), [=](SqlSession& session) -> Result<ChangesSince> {
    return ChangesPage(session, conversation, since, limit, max_bytes).Read();
  });
}

}  // namespace parley

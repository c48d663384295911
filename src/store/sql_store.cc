#include "store/sql_store.h"

#include "store/sql_work.h"

namespace parley {
namespace {

WriterSessions Counted(WriterSessions sessions, Counter& statements) {
  for (const auto& session : sessions.conversations) session->CountOn(statements);
  for (SqlSession* session : {sessions.others.get(), sessions.background.get()}) {
    if (session != nullptr) session->CountOn(statements);
  }
  return sessions;
}

}  // namespace

SqlStore::SqlStore(WriterSessions writers, const ReaderPool::Open& open_reader,
                   const Uuid& identity, SqlStoreOptions options, const Clock& clock,
                   std::shared_ptr<void> held)
    : held_(std::move(held)),
      clock_(clock),
      identity_(identity),
      last_time_(NumberFrom(writers.conversations.front()->Prepare(queries::kLastTime))),
      readers_(
          [&] {
            auto session = open_reader();
            session->CountOn(statements_);
            return session;
          },
          {.shared_threads = options.reader_threads}, clock),
      commits_(Counted(std::move(writers), statements_), options.queue_writes,
               {.piece = [this](SqlSession& session) { return DoUpkeep(session); },
                .settle = [this](bool committed) { SettleUpkeep(committed); }}) {
  rows_at_once_.fill(kRowsAtOnce);
  commits_.WantUpkeep(kUpkeepSoon);  // what an earlier process left
}

Timestamp SqlStore::NextTime() {
  int64_t last = last_time_.load(), next = 0;
  do {
    next = std::max(last + 1, clock_.Now().micros);
  } while (!last_time_.compare_exchange_weak(last, next));
  return {next};
}

bool SqlStore::IsDue(Chore chore) const {
  switch (chore) {
    case Chore::kReadStamps:
      return read_stamps_.queued() > 0;
    case Chore::kReadMarks:
      return read_marks_.queued() > 0;
    case Chore::kDeliveries:
      return deliveries_.queued() > 0;
    case Chore::kSeen:
      return seen_.queued() > 0;
    case Chore::kDeletedRows:
      return has_deleted_rows_;
  }
  return false;
}

void SqlStore::Do(Chore chore, SqlSession& session, size_t rows) {
  switch (chore) {
    case Chore::kReadStamps:
      return StampRead(session, read_stamps_, rows);
    case Chore::kReadMarks:
      return WriteMarks(session, read_marks_, rows);
    case Chore::kDeliveries:
      return StampDelivered(session, deliveries_, rows);
    case Chore::kSeen:
      return WriteSeen(session, seen_, rows);
    case Chore::kDeletedRows:
      // A conversation that is deleted meanwhile sets the flag again.
      has_deleted_rows_ = false;
      if (RemoveDeletedRows(session)) has_deleted_rows_ = true;
      return;
  }
}

// In turn; when the store is being closed, what was answered to clients comes first.
std::optional<SqlStore::Chore> SqlStore::NextChore() {
  if (closing_ && IsDue(Chore::kReadMarks)) return Chore::kReadMarks;
  const size_t last = chore_ ? static_cast<size_t>(*chore_) : kChores - 1;
  for (size_t i = 1; i <= kChores; ++i) {
    const auto chore = static_cast<Chore>((last + i) % kChores);
    if (IsDue(chore)) return chore;
  }
  return std::nullopt;
}

bool SqlStore::DoUpkeep(SqlSession& session) {
  ForgetOldAccessChanges(session);
  chore_ = NextChore();
  if (!chore_) return false;
  Do(*chore_, session, closing_ ? kRowsAtClose : rows_at_once_[static_cast<size_t>(*chore_)]);
  for (size_t chore = 0; chore < kChores; ++chore) {
    if (IsDue(static_cast<Chore>(chore))) return true;
  }
  return false;
}

void SqlStore::SettleUpkeep(bool committed) {
  read_stamps_.Settle(committed);
  read_marks_.Settle(committed, clock_.Steady());
  deliveries_.Settle(committed);
  seen_.Settle(committed);
  if (!chore_) return;
  if (!committed && *chore_ == Chore::kDeletedRows) has_deleted_rows_ = true;
  size_t& rows = rows_at_once_[static_cast<size_t>(*chore_)];
  rows = committed ? std::min(kRowsAtOnce, 2 * rows) : std::max<size_t>(1, rows / 4);
}

StoreStats SqlStore::Stats() const {
  StoreStats stats = commits_.stats();
  stats.statements = statements_.value();
  stats.deliveries = {deliveries_.queued(), deliveries_.dropped()};
  stats.read_marks = {read_marks_.queued(), read_marks_.refused()};
  stats.read_stamps = {read_stamps_.queued(), read_stamps_.dropped()};
  stats.seen = {seen_.queued(), seen_.dropped()};
  stats.reads_that_waited = readers_.waited();
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    stats.reads[i] = readers_.stats(static_cast<ReadClass>(i));
  }
  return stats;
}

void SqlStore::Close() {
  read_marks_.Close();  // those that were answered are written below
  closing_ = true;
  commits_.Close();
  readers_.Close();
}

// --- reads that several verbs begin with

void ReadMembers(SqlSession& session, Conversation& conversation) {
  Statement& rows =
      session.Prepare(queries::kMembers).Bind(1, conversation.id).Bind(2, kMembersShown);
  while (rows.Step()) conversation.members.push_back(MemberFrom(rows));
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

}  // namespace parley

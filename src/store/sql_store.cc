#include "store/sql_store.h"

#include "store/sql_work.h"

namespace parley {
namespace {

WriterSessions Counted(WriterSessions sessions, Counter& statements, Counter& round_trips) {
  for (const auto& session : sessions.conversations) session->CountOn(statements, round_trips);
  for (SqlSession* session : {sessions.others.get(), sessions.background.get()}) {
    if (session != nullptr) session->CountOn(statements, round_trips);
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
      file_key_(options.file_key),
      wal_(std::move(options.wal)),
      taken_over_(options.taken_over),
      versions_(options.single_writer ? std::make_unique<ConversationVersions>() : nullptr),
      client_ids_(options.single_writer
                      ? std::make_unique<ClientIds>(*writers.conversations.front(),
                                                    [this] { commits_.WantUpkeep({}); })
                      : nullptr),
      last_time_(NumberFrom(writers.conversations.front()->Prepare(queries::kLastTime))),
      readers_(
          [&] {
            auto session = open_reader();
            session->CountOn(statements_, round_trips_);
            return session;
          },
          {.shared_threads = options.reader_threads}, clock),
      commits_(Counted(std::move(writers), statements_, round_trips_), options.queue_writes,
               {.piece = [this](SqlSession& session) { return DoUpkeep(session); },
                .settle = [this](bool committed) { SettleUpkeep(committed); }}) {
  for (size_t i = 0; i < kChores; ++i) rows_at_once_[i] = RowsAtOnce(static_cast<Chore>(i));
  commits_.WantUpkeep(kUpkeepSoon);  // continues the upkeep of an earlier process
}

Timestamp SqlStore::NextTime() {
  int64_t last = last_time_.load(), next = 0;
  do {
    next = std::max(last + 1, clock_.Now().micros);
  } while (!last_time_.compare_exchange_weak(last, next));
  return {next};
}

StoreStats SqlStore::Stats() const {
  StoreStats stats = commits_.stats();
  stats.statements = statements_.value();
  stats.round_trips = round_trips_.value();
  stats.deliveries = {deliveries_.queued(), deliveries_.dropped()};
  stats.read_marks = {read_marks_.queued(), read_marks_.refused()};
  stats.read_stamps = {read_stamps_.queued(), read_stamps_.dropped()};
  stats.seen = {seen_.queued(), seen_.dropped()};
  if (wal_ != nullptr) {
    stats.wal_bytes = wal_->bytes;
    stats.wal_restarts = wal_->restarts.value();
  }
  stats.reads_that_waited = readers_.waited();
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    stats.reads[i] = readers_.stats(static_cast<ReadClass>(i));
  }
  return stats;
}

void SqlStore::Close() {
  read_marks_.Close();  // acked marks are written below
  closing_ = true;
  commits_.Close();
  readers_.Close();
}

// --- reads shared by several calls

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

// Returns the reader's mark, or nullopt if the reader is not a participant.
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

bool HasOwner(SqlSession& session, const Uuid& conversation) {
  return NumberFrom(session.Prepare(queries::kOwner).Bind(1, conversation)) == 1;
}

int64_t UnreadIn(SqlSession& session, const Uuid& conversation, const UserId& reader,
                 int64_t read_mark) {
  return NumberFrom(
      session.Prepare(queries::kUnread).Bind(1, conversation).Bind(2, read_mark).Bind(3, reader));
}

}  // namespace parley

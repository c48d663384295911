#include "store/sql_store.h"

#include "store/sql_work.h"

namespace parley {
namespace {

// Between two tries of what other clients hold locked.
constexpr auto kKeptRetry = std::chrono::milliseconds(1000);

std::vector<std::unique_ptr<SqlSession>> Counted(std::vector<std::unique_ptr<SqlSession>> sessions,
                                                 Counter& statements, Counter& round_trips) {
  for (const auto& session : sessions) session->CountOn(statements, round_trips);
  return sessions;
}

}  // namespace

SqlStore::SqlStore(std::vector<std::unique_ptr<SqlSession>> writers,
                   const ReaderPool::Open& open_reader, const Uuid& identity,
                   SqlStoreOptions options, const Clock& clock, std::shared_ptr<void> held)
    : held_(std::move(held)),
      clock_(clock),
      identity_(identity),
      file_key_(options.file_key),
      last_time_(NumberFrom(writers.front()->Prepare(queries::kLastTime))),
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
  commits_.WantUpkeep(kUpkeepSoon);  // what an earlier process left
}

Timestamp SqlStore::NextTime() {
  int64_t last = last_time_.load(), next = 0;
  do {
    next = std::max(last + 1, clock_.Now().micros);
  } while (!last_time_.compare_exchange_weak(last, next));
  return {next};
}

// All parts in one transaction; after a failure one by one, so that a row that another client holds
// locked stops none but its own.
bool SqlStore::DoUpkeep(SqlSession& session) {
  const std::function<bool()> parts[] = {
      [&] { return StampDelivered(session, deliveries_); },
      [&] { return WriteSeen(session, seen_); },
      [&] {
        ForgetOldAccessChanges(session);
        return false;
      },
      [&] { return RemoveDeletedRows(session, deletions_); },
      [&] {
        session.ForgetOldLanes();
        return false;
      },
  };
  upkeep_parts_ = std::size(parts);
  if (upkeep_part_) {
    upkeep_more_ |= parts[*upkeep_part_]();
    return upkeep_more_ || *upkeep_part_ + 1 < upkeep_parts_;
  }
  bool more = false;
  for (const auto& part : parts) more |= part();
  return more;
}

void SqlStore::SettleUpkeep(bool committed) {
  if (deliveries_.Settle(committed)) commits_.WantUpkeep(kKeptRetry);
  seen_.Settle(committed);
  if (!committed) deletions_.PassOver();
  if (!committed) upkeep_more_ = true;
  if (upkeep_part_ && ++*upkeep_part_ == upkeep_parts_) {
    upkeep_part_.reset();
    upkeep_more_ = false;
  } else if (!upkeep_part_ && !committed) {
    upkeep_part_ = 0;
  }
}

StoreStats SqlStore::Stats() const {
  StoreStats stats = commits_.stats();
  stats.statements = statements_.value();
  stats.round_trips = round_trips_.value();
  stats.reads_that_waited = readers_.waited();
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    stats.reads[i] = readers_.stats(static_cast<ReadClass>(i));
  }
  return stats;
}

void SqlStore::Close() {
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

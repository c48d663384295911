// SqlStore: how far users have read, and which messages were delivered. Marks only move forward. A mark is
// checked by a read and put into a buffer; rows follow in the background, so that no send waits for them.
#include <algorithm>
#include <array>
#include <string>

#include "store/list_queries.h"
#include "store/mark_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

// The delay until rows are written. Delivery and read marks may be up to two seconds old.
constexpr auto kWrittenWithin = std::chrono::milliseconds(1000);
// The size of one piece of upkeep.
constexpr int64_t kMessagesStamped = 2'000;

struct NamedMessage {
  Uuid conversation;
  int64_t seq = 0;
  int64_t mark = 0;  // the reader's mark in the row
  bool counts =
      false;  // counts as unread unless it is before the mark: from another user, not deleted
  int64_t participants = 0;  // number of participants of its conversation
};

// The messages that exist and that the reader can see.
std::unordered_map<Uuid, NamedMessage> FindNamed(SqlSession& session, const UserId& reader,
                                                 std::span<const Uuid> messages) {
  std::unordered_map<Uuid, NamedMessage> found;
  if (messages.empty()) return found;
  queries::kMessagesAndMarks.Run(
      session, messages, messages.front(), [&](Statement& rows) { rows.Bind(1, reader); },
      [&](const Statement& row) {
        found.insert_or_assign(row.Id(0), NamedMessage{row.Id(1), row.Int(2), row.Int(3),
                                                       row.Int(4) != 0, row.Int(5)});
      });
  return found;
}

}  // namespace

bool SqlStore::MoveMark(const Uuid& conversation, const UserId& reader, int64_t from, int64_t to) {
  ConversationVersions::Change change;  // ends before the mark is acknowledged
  change.Begin(versions_.get(), reader, ConversationVersions::Part::kMessages);
  const Timestamp now = clock_.Now();
  const auto noted = read_marks_.Note({conversation, reader, to, now}, clock_.Steady());
  if (noted == ReadMarkBuffer::Noted::kRefused) return false;
  read_stamps_.Note({conversation, reader, from, to, now});
  if (noted == ReadMarkBuffer::Noted::kFirst) commits_.WantUpkeep(kWrittenWithin);
  return true;
}

void SqlStore::MarkRead(Uuid conversation, UserId reader, int64_t up_to_seq, Executor& on,
                        Answer<ReadMarks> done) {
  OnReader<ReadMarks>(on, std::move(done), [=, this](SqlSession& session) -> Result<ReadMarks> {
    Statement& row = session.Prepare(queries::kHeadAndMark).Bind(1, conversation).Bind(2, reader);
    if (!row.Step()) return Fail(Error::NotFound());
    const int64_t head = row.Int(0), mark = MarkOf(conversation, reader, row.Int(1));
    const int64_t participants = row.Int(2);
    row.Run();
    if (up_to_seq > head)
      return Fail(
          Error::Field("up_to_seq", "Must not be greater than the conversation's last seq."));
    if (up_to_seq > mark && !MoveMark(conversation, reader, mark, up_to_seq)) {
      return Fail(Error::StoreUnavailable());
    }
    const int64_t reached = std::max(mark, up_to_seq);
    return ReadMarks{.up_to_seq = reached, .receipts = {{conversation, reached, {}, participants}}};
  });
}

void SqlStore::MarkMessagesRead(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only,
                                Executor& on, Answer<ReadMarks> done) {
  OnReader<ReadMarks>(on, std::move(done), [=, this](SqlSession& session) -> Result<ReadMarks> {
    const auto found = FindNamed(session, reader, messages);
    ReadMarks marks;
    std::unordered_map<Uuid, int64_t> before;  // previous marks by conversation
    for (const Uuid& id : messages) {
      const auto named = found.find(id);
      if (named == found.end()) continue;
      const NamedMessage& message = named->second;
      const Uuid& conversation = message.conversation;
      if (only && conversation != *only) continue;
      const auto [mark, is_first] = before.try_emplace(conversation, 0);
      if (is_first) {
        mark->second = MarkOf(conversation, reader, message.mark);
        marks.receipts.push_back({conversation, mark->second, {}, message.participants});
      }
      if (message.counts && message.seq > mark->second) ++marks.updated;
      ReadMarks::Receipt& receipt =
          *std::ranges::find(marks.receipts, conversation, &ReadMarks::Receipt::conversation);
      receipt.up_to_seq = std::max(receipt.up_to_seq, message.seq);
      receipt.messages.push_back(id);
    }
    for (const ReadMarks::Receipt& receipt : marks.receipts) {
      const int64_t from = before[receipt.conversation];
      if (receipt.up_to_seq > from &&
          !MoveMark(receipt.conversation, reader, from, receipt.up_to_seq)) {
        return Fail(Error::StoreUnavailable());
      }
    }
    return marks;
  });
}

void SqlStore::NoteDelivered(const Uuid& conversation, int64_t first_seq, int64_t last_seq) {
  if (deliveries_.Note({conversation, first_seq, last_seq, clock_.Now()})) {
    commits_.WantUpkeep(kWrittenWithin);
  }
}

// --- in the background

namespace {

// Other clients of PostgreSQL may hold row locks.
bool MaySkipLocked(SqlSession& session) { return session.NewPipeline() != nullptr; }

// Binds lists to a query of PostgreSQL that takes many rows: `columns(row)` returns the items of a row,
// which contain no space.
template <class Row, class Columns>
Statement& BindLists(SqlSession& session, const Query& query, const std::vector<Row>& rows,
                     Columns columns) {
  decltype(columns(rows.front())) lists;
  for (const Row& row : rows) {
    const auto items = columns(row);
    for (size_t i = 0; i < lists.size(); ++i)
      lists[i] += (&row == &rows.front() ? "" : " ") + items[i];
  }
  Statement& statement = session.Prepare(query);
  for (size_t i = 0; i < lists.size(); ++i) statement.Bind(static_cast<int>(i) + 1, lists[i]);
  return statement;
}

// Stamps the messages of ranges. `keep(range)` is called if PostgreSQL skipped locked rows of a range.
template <class Range, class Columns, class KeepRange>
void StampTogether(SqlSession& session, const Query& stamp_free, const std::vector<Range>& ranges,
                   Columns columns, KeepRange keep) {
  Statement& left = BindLists(session, stamp_free, ranges, columns);
  while (left.Step()) keep(ranges.at(static_cast<size_t>(left.Int(0)) - 1));
}

}  // namespace

void WriteMarks(SqlSession& session, ReadMarkBuffer& buffer, size_t limit) {
  const std::vector<ReadMarkAt> marks = buffer.Take(limit);
  if (marks.empty()) return;
  if (!MaySkipLocked(session)) {
    return RunForEach(session, queries::kMoveMark, marks,
                      [](Statement& move, const ReadMarkAt& mark) {
                        move.Bind(1, mark.conversation)
                            .Bind(2, mark.user)
                            .Bind(3, mark.seq)
                            .Bind(4, mark.at.micros);
                      });
  }
  Statement& locked =
      BindLists(session, queries::kMoveFreeMarks, marks, [](const ReadMarkAt& mark) {
        return std::array<std::string, 4>{mark.conversation.ToString(), mark.user,
                                          std::to_string(mark.seq), std::to_string(mark.at.micros)};
      });
  while (locked.Step()) buffer.Keep(locked.Id(0), UserId(locked.Text(1)));
}

void StampRead(SqlSession& session, ReadStampBuffer& buffer, size_t limit,
               const BeginStamps& begin) {
  const std::vector<ReadRange> ranges = buffer.Take(limit, kMessagesStamped);
  if (ranges.empty()) return;
  for (const ReadRange& range : ranges) begin(range.conversation);
  if (!MaySkipLocked(session)) {
    return RunForEach(session, queries::kStampRead, ranges,
                      [](Statement& stamp, const ReadRange& range) {
                        stamp.Bind(1, range.conversation)
                            .Bind(2, range.after)
                            .Bind(3, range.last)
                            .Bind(4, range.at.micros)
                            .Bind(5, range.reader);
                      });
  }
  StampTogether(
      session, queries::kStampFreeRead, ranges,
      [](const ReadRange& range) {
        return std::array<std::string, 5>{range.conversation.ToString(),
                                          std::to_string(range.after), std::to_string(range.last),
                                          std::to_string(range.at.micros), range.reader};
      },
      [&](const ReadRange& range) { buffer.Keep(range); });
}

void StampDelivered(SqlSession& session, DeliveredBuffer& buffer, size_t limit,
                    const BeginStamps& begin) {
  using Run = DeliveredBuffer::Run;
  std::vector<Run> runs = buffer.Take(limit);
  if (runs.empty()) return;
  for (const Run& run : runs) begin(run.conversation);
  // Nodes that delivered the same messages do not wait for each other's locks.
  std::ranges::sort(runs, {},
                    [](const Run& run) { return std::pair(run.conversation, run.first); });
  if (!MaySkipLocked(session)) {
    return RunForEach(session, queries::kStampDelivered, runs,
                      [](Statement& stamp, const Run& run) {
                        stamp.Bind(1, run.conversation)
                            .Bind(2, run.first)
                            .Bind(3, run.last)
                            .Bind(4, run.at.micros);
                      });
  }
  StampTogether(
      session, queries::kStampFreeDelivered, runs,
      [](const Run& run) {
        return std::array<std::string, 4>{run.conversation.ToString(), std::to_string(run.first),
                                          std::to_string(run.last), std::to_string(run.at.micros)};
      },
      [&](const Run& run) { buffer.Keep(run); });
}

}  // namespace parley

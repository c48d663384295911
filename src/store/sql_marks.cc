// SqlStore: how far users have read, and which messages were delivered. Marks only move forward. A mark is
// checked by a read and put into a buffer; rows follow in the background, so that no send waits for them.
#include <algorithm>

#include "store/list_queries.h"
#include "store/mark_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

// Before the rows say what clients did. Deliveries and marks may be up to two seconds late.
constexpr auto kWrittenWithin = std::chrono::milliseconds(1000);
// Of one piece of upkeep.
constexpr int64_t kMessagesStamped = 2'000;

struct NamedMessage {
  Uuid conversation;
  int64_t seq = 0;
  int64_t mark = 0;     // of the reader, in the row
  bool counts = false;  // it is unread unless the mark has passed it: another user's, not deleted
  int64_t participants = 0;  // of its conversation
};

// Those that exist and that the reader may see.
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
    std::unordered_map<Uuid, int64_t> before;  // by conversation: where the mark was
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

// Runs `stamp` for each range, or on PostgreSQL `stamp_free`, which passes over rows that other clients hold
// locked and returns their number: `keep(range)` then.
template <class Range, class BindRange, class KeepRange>
void Stamp(SqlSession& session, const Query& stamp, const Query& stamp_free,
           std::vector<Range> ranges, BindRange bind, KeepRange keep) {
  const auto pipeline = session.NewPipeline();
  if (pipeline == nullptr) return RunForEach(session, stamp, ranges, bind);
  std::vector<Statement*> stamped;
  for (const Range& range : ranges) {
    stamped.push_back(&pipeline->Add(stamp_free));
    bind(*stamped.back(), range);
  }
  pipeline->Run();
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (NumberFrom(*stamped[i]) > 0) keep(ranges[i]);
  }
}

void MoveTogether(SqlSession& session, ReadMarkBuffer& buffer,
                  const std::vector<ReadMarkAt>& marks) {
  std::string conversations, users, seqs, times;
  for (const ReadMarkAt& mark : marks) {
    conversations += mark.conversation.ToString() + ' ';
    users += mark.user + ' ';
    seqs += std::to_string(mark.seq) + ' ';
    times += std::to_string(mark.at.micros) + ' ';
  }
  for (std::string* list : {&conversations, &users, &seqs, &times}) list->pop_back();
  Statement& locked = session.Prepare(queries::kMoveFreeMarks)
                          .Bind(1, conversations)
                          .Bind(2, users)
                          .Bind(3, seqs)
                          .Bind(4, times);
  while (locked.Step()) buffer.Keep(locked.Id(0), UserId(locked.Text(1)));
}

}  // namespace

void WriteMarks(SqlSession& session, ReadMarkBuffer& buffer, size_t limit) {
  const std::vector<ReadMarkAt> marks = buffer.Take(limit);
  if (marks.empty()) return;
  if (session.NewPipeline() != nullptr) return MoveTogether(session, buffer, marks);
  RunForEach(session, queries::kMoveMark, marks, [](Statement& move, const ReadMarkAt& mark) {
    move.Bind(1, mark.conversation).Bind(2, mark.user).Bind(3, mark.seq).Bind(4, mark.at.micros);
  });
}

void StampRead(SqlSession& session, ReadStampBuffer& buffer, size_t limit) {
  Stamp(
      session, queries::kStampRead, queries::kStampFreeRead, buffer.Take(limit, kMessagesStamped),
      [](Statement& stamp, const ReadRange& range) {
        stamp.Bind(1, range.conversation)
            .Bind(2, range.after)
            .Bind(3, range.last)
            .Bind(4, range.at.micros)
            .Bind(5, range.reader);
      },
      [&](const ReadRange& range) { buffer.Keep(range); });
}

void StampDelivered(SqlSession& session, DeliveryBook& book, size_t limit) {
  std::vector<DeliveryBook::Run> runs = book.Take(limit);
  // Nodes that showed the same messages do not wait for each other.
  std::ranges::sort(runs, {},
                    [](const auto& run) { return std::pair(run.conversation, run.first); });
  Stamp(
      session, queries::kStampDelivered, queries::kStampFreeDelivered, std::move(runs),
      [](Statement& stamp, const DeliveryBook::Run& run) {
        stamp.Bind(1, run.conversation).Bind(2, run.first).Bind(3, run.last).Bind(4, run.at.micros);
      },
      [&](const DeliveryBook::Run& run) { book.Keep(run); });
}

}  // namespace parley

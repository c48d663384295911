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
// Counting stops there (queries::kUnread, kUnreadOfAll).
constexpr int64_t kUnreadCounted = 1'000;
// Of one piece of upkeep.
constexpr int64_t kMessagesStamped = 2'000;

struct NamedMessage {
  Uuid conversation;
  int64_t seq = 0;
  int64_t mark = 0;     // of the reader, in the row
  bool counts = false;  // it is unread unless the mark has passed it: another user's, not deleted
};

// Those that exist and that the reader may see.
std::unordered_map<Uuid, NamedMessage> FindNamed(SqlSession& session, const UserId& reader,
                                                 std::span<const Uuid> messages) {
  std::unordered_map<Uuid, NamedMessage> found;
  if (messages.empty()) return found;
  queries::kMessagesAndMarks.Run(
      session, messages, messages.front(), [&](Statement& rows) { rows.Bind(1, reader); },
      [&](const Statement& row) {
        found.insert_or_assign(row.Id(0),
                               NamedMessage{row.Id(1), row.Int(2), row.Int(3), row.Int(4) != 0});
      });
  return found;
}

}  // namespace

int64_t SqlStore::MarkOf(const Uuid& conversation, const UserId& user, int64_t row) const {
  const auto buffered = read_marks_.Find(conversation, user);
  return buffered ? std::max(row, buffered->seq) : row;
}

void SqlStore::ShowMarks(const Uuid& conversation, std::vector<Member>& members) const {
  for (Member& member : members) {
    const auto buffered = read_marks_.Find(conversation, member.user);
    if (!buffered || buffered->seq <= member.last_read_seq) continue;
    member.last_read_seq = buffered->seq;
    member.last_read_at = buffered->at;
  }
}

void SqlStore::ShowMarks(SqlSession& session, const UserId& reader,
                         std::span<ConversationView> listed) const {
  for (ConversationView& view : listed) {
    const Uuid& conversation = view.conversation.id;
    ShowMarks(conversation, view.conversation.members);
    const auto buffered = read_marks_.Find(conversation, reader);
    if (!buffered) continue;
    const auto row = ReadMark(session, conversation, reader);
    if (!row || *row >= buffered->seq) continue;
    view.unread_count = UnreadIn(session, conversation, reader, buffered->seq);
  }
}

int64_t SqlStore::UnreadOfAll(SqlSession& session, const UserId& reader) const {
  const std::vector<ReadMarkAt> buffered = read_marks_.Of(reader);
  int64_t count = NumberFrom(session.Prepare(queries::kUnreadOfAll).Bind(1, reader));
  if (count < kUnreadCounted) {
    for (const ReadMarkAt& mark : buffered) {
      const auto row = ReadMark(session, mark.conversation, reader);
      if (!row || *row >= mark.seq) continue;
      count -= UnreadIn(session, mark.conversation, reader, *row) -
               UnreadIn(session, mark.conversation, reader, mark.seq);
    }
    return count;
  }
  if (buffered.empty()) return count;
  // What the rows count beyond the limit is not known: each conversation by itself.
  std::vector<std::pair<Uuid, int64_t>> marks;
  Statement& rows = session.Prepare(queries::kUserMarks).Bind(1, reader);
  while (rows.Step()) marks.emplace_back(rows.Id(0), rows.Int(1));
  count = 0;
  for (const auto& [conversation, row] : marks) {
    count += UnreadIn(session, conversation, reader, MarkOf(conversation, reader, row));
    if (count >= kUnreadCounted) return kUnreadCounted;
  }
  return count;
}

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
    row.Run();
    if (up_to_seq > head) return Fail(Error::Field("up_to_seq", "Is beyond the last seq."));
    if (up_to_seq > mark && !MoveMark(conversation, reader, mark, up_to_seq)) {
      return Fail(Error::StoreUnavailable());
    }
    const int64_t reached = std::max(mark, up_to_seq);
    return ReadMarks{.up_to_seq = reached, .receipts = {{conversation, reached, {}}}};
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
        marks.receipts.push_back({conversation, mark->second, {}});
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

void WriteMarks(SqlSession& session, ReadMarkBuffer& buffer, size_t limit) {
  const std::vector<ReadMarkAt> marks = buffer.Take(limit);
  const auto pipeline = session.NewPipeline();
  if (pipeline == nullptr) {
    return RunForEach(session, queries::kMoveMark, marks,
                      [](Statement& move, const ReadMarkAt& mark) {
                        move.Bind(1, mark.conversation)
                            .Bind(2, mark.user)
                            .Bind(3, mark.seq)
                            .Bind(4, mark.at.micros);
                      });
  }
  std::string conversations, users, seqs, times;
  for (const ReadMarkAt& mark : marks) {
    conversations += mark.conversation.ToString() + ' ';
    users += mark.user + ' ';
    seqs += std::to_string(mark.seq) + ' ';
    times += std::to_string(mark.at.micros) + ' ';
  }
  if (marks.empty()) return;
  for (std::string* list : {&conversations, &users, &seqs, &times}) list->pop_back();
  session.Prepare(queries::kMoveMarks)
      .Bind(1, conversations)
      .Bind(2, users)
      .Bind(3, seqs)
      .Bind(4, times)
      .Run();
}

void StampRead(SqlSession& session, ReadStampBuffer& buffer, size_t limit) {
  RunForEach(session, queries::kStampRead, buffer.Take(limit, kMessagesStamped),
             [](Statement& stamp, const ReadRange& range) {
               stamp.Bind(1, range.conversation)
                   .Bind(2, range.after)
                   .Bind(3, range.last)
                   .Bind(4, range.at.micros)
                   .Bind(5, range.reader);
             });
}

void StampDelivered(SqlSession& session, DeliveryBook& book, size_t limit) {
  std::vector<DeliveryBook::Run> runs = book.Take(limit);
  // Nodes that showed the same messages do not wait for each other.
  std::ranges::sort(runs, {},
                    [](const auto& run) { return std::pair(run.conversation, run.first); });
  RunForEach(
      session, queries::kStampDelivered, runs, [](Statement& stamp, const DeliveryBook::Run& run) {
        stamp.Bind(1, run.conversation).Bind(2, run.first).Bind(3, run.last).Bind(4, run.at.micros);
      });
}

}  // namespace parley

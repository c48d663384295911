// SqlStore: reads pages of history.
#include "store/sql_work.h"

namespace parley {
namespace {

// The memory that a thread keeps for its next page.
constexpr size_t kKeptBytes = 512 * 1024;

bool MayRead(SqlSession& session, const HistoryQuery& query) {
  if (query.as_service) return FindConversation(session, query.conversation_id).has_value();
  return ReadMark(session, query.conversation_id, query.reader).has_value();
}

// The seq that the page ends before; nullopt if the conversation has no such message.
std::optional<int64_t> EndOf(SqlSession& session, const HistoryQuery& query) {
  if (!query.before_id) return INT64_MAX;
  Statement& row = session.Prepare(queries::kMessageInConversation)
                       .Bind(1, *query.before_id)
                       .Bind(2, query.conversation_id);
  if (!row.Step()) return std::nullopt;
  const int64_t seq = row.Int(0);
  row.Run();
  return seq;
}

// One row more than the page has, if there are more.
Statement& RowsOf(SqlSession& session, const HistoryQuery& query, int64_t before) {
  Statement& rows = session.Prepare(query.after_seq ? queries::kHistoryAfter : queries::kHistory);
  rows.Bind(1, query.conversation_id);
  if (query.after_seq) return rows.Bind(2, *query.after_seq).Bind(3, query.limit + 1);
  return rows.Bind(2, before).Bind(3, int64_t{query.include_deleted}).Bind(4, query.limit + 1);
}

void ReadMessages(SqlSession& session, const HistoryQuery& query, Statement& rows,
                  PageOfMessages& page) {
  page.messages.reserve(static_cast<size_t>(query.limit) + 1);
  while (rows.Step()) page.messages.push_back(MessageFrom(rows));
  if (page.messages.size() > static_cast<size_t>(query.limit)) {
    page.messages.pop_back();
    page.has_more = true;
  }
  FillAttachments(session, page.messages);
}

// The messages of a page come in the order of their seq, or against it.
void AddUndelivered(const Message& message, std::vector<UndeliveredRun>& runs) {
  if (!runs.empty() && runs.back().sender == *message.sender_id) {
    UndeliveredRun& run = runs.back();
    if (message.seq + 1 == run.first) return void(run.first = message.seq);
    if (message.seq == run.last + 1) return void(run.last = message.seq);
  }
  runs.push_back({message.seq, message.seq, *message.sender_id});
}

// Formats the rows one by one, so that a page needs no memory of its own for each message. Returns false if a
// message has attachments.
bool FormatMessages(const HistoryQuery& query, Statement& rows, PageOfMessages& page) {
  struct Buffer {
    std::string text;
    Message message;
  };
  thread_local Buffer buffer;
  std::string& text = buffer.text;
  Message& message = buffer.message;
  text.clear();
  int count = 0;
  for (; rows.Step(); ++count) {
    if (count == query.limit) {
      page.has_more = true;
      rows.Run();
      break;
    }
    ReadInto(message, rows);
    if (!message.attachments.empty()) {
      rows.Run();
      page = {.version = page.version};
      return false;
    }
    query.format->add(text, message);
    if (!message.delivered_at && message.sender_id) AddUndelivered(message, page.undelivered);
  }
  query.format->end(text, count == 0 ? nullptr : &message, page.has_more);
  page.formatted = SharedBytes(text);
  if (text.capacity() > kKeptBytes) buffer = {};
  return true;
}

}  // namespace

void SqlStore::ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) {
  std::optional<ConversationVersions::Version> version;
  if (versions_ != nullptr) version = versions_->Of(query.conversation_id);
  OnReader<PageOfMessages>(
      on, std::move(done),
      [query = std::move(query), version](SqlSession& session) -> Result<PageOfMessages> {
        if (!MayRead(session, query)) return Fail(Error::NotFound());
        const auto before = EndOf(session, query);
        if (!before) {
          return Fail(Error::Field("before_id", "The conversation has no message with this id."));
        }
        PageOfMessages page{.version = version};
        if (query.format != nullptr &&
            FormatMessages(query, RowsOf(session, query, *before), page)) {
          return page;
        }
        ReadMessages(session, query, RowsOf(session, query, *before), page);
        return page;
      });
}

}  // namespace parley

// SqlStore: read marks and unread counts, including marks that are not written to rows yet.
#include <algorithm>

#include "store/list_queries.h"
#include "store/mark_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

// Counts stop at this limit (queries::kUnread, kUnreadOfAll).
constexpr int64_t kUnreadCounted = 1'000;
// Conversations whose unread messages are counted in one round trip.
constexpr size_t kCountedTogether = 100;

using Place = std::pair<Uuid, int64_t>;  // a conversation and a mark in it

// The marks of the reader's rows that are older than the buffered ones.
std::unordered_map<Uuid, int64_t> RowsBehind(SqlSession& session, const UserId& reader,
                                             std::span<const ReadMarkAt> buffered) {
  std::unordered_map<Uuid, int64_t> behind, seqs;
  std::vector<Uuid> conversations;
  for (const ReadMarkAt& mark : buffered) {
    seqs.emplace(mark.conversation, mark.seq);
    conversations.push_back(mark.conversation);
  }
  if (conversations.empty()) return behind;
  queries::kMarksOfMany.Run(
      session, std::span<const Uuid>(conversations), conversations.front(),
      [&](Statement& rows) { rows.Bind(1, reader); },
      [&](const Statement& row) {
        if (row.Int(1) < seqs.at(row.Id(0))) behind.emplace(row.Id(0), row.Int(1));
      });
  return behind;
}

// Counts the unread messages after each place, in as few round trips as the engine allows.
std::vector<int64_t> UnreadBehind(SqlSession& session, const UserId& reader,
                                  std::span<const Place> places) {
  std::vector<int64_t> counts;
  while (!places.empty()) {
    const auto some = places.first(std::min(kCountedTogether, places.size()));
    places = places.subspan(some.size());
    const auto pipeline = session.NewPipeline();
    std::vector<Statement*> counted;
    for (const auto& [conversation, mark] : some) {
      if (pipeline == nullptr) {
        counts.push_back(UnreadIn(session, conversation, reader, mark));
        continue;
      }
      counted.push_back(&pipeline->Add(queries::kUnread));
      counted.back()->Bind(1, conversation).Bind(2, mark).Bind(3, reader);
    }
    if (pipeline != nullptr) pipeline->Run();
    for (Statement* count : counted) counts.push_back(NumberFrom(*count));
  }
  return counts;
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

std::unordered_map<Uuid, int64_t> SqlStore::ShowMarks(
    SqlSession& session, const UserId& reader, std::span<ConversationView* const> listed) const {
  std::vector<ReadMarkAt> buffered;
  std::unordered_map<Uuid, ConversationView*> views;
  for (ConversationView* const view : listed) {
    const Uuid& conversation = view->conversation.id;
    ShowMarks(conversation, view->conversation.members);
    if (const auto mark = read_marks_.Find(conversation, reader)) buffered.push_back(*mark);
    views.emplace(conversation, view);
  }
  const auto behind = RowsBehind(session, reader, buffered);
  std::vector<Place> places;
  for (const ReadMarkAt& mark : buffered) {
    if (behind.contains(mark.conversation)) places.emplace_back(mark.conversation, mark.seq);
  }
  const std::vector<int64_t> counts = UnreadBehind(session, reader, places);
  std::unordered_map<Uuid, int64_t> moved;
  for (size_t i = 0; i < places.size(); ++i) {
    views.at(places[i].first)->unread_count = counts[i];
    moved.emplace(places[i]);
  }
  return moved;
}

int64_t SqlStore::UnreadOfAll(SqlSession& session, const UserId& reader) const {
  const std::vector<ReadMarkAt> buffered = read_marks_.Of(reader);
  int64_t count = NumberFrom(session.Prepare(queries::kUnreadOfAll).Bind(1, reader));
  if (buffered.empty()) return count;
  std::vector<Place> places;
  if (count < kUnreadCounted) {
    // Messages between the row's mark and the buffered one have been read.
    const auto behind = RowsBehind(session, reader, buffered);
    for (const ReadMarkAt& mark : buffered) {
      const auto row = behind.find(mark.conversation);
      if (row == behind.end()) continue;
      places.emplace_back(mark.conversation, row->second);
      places.emplace_back(mark.conversation, mark.seq);
    }
    const std::vector<int64_t> counts = UnreadBehind(session, reader, places);
    for (size_t i = 0; i < counts.size(); i += 2) count -= counts[i] - counts[i + 1];
    return count;
  }
  // A count at the limit may hide more messages, so count each conversation separately.
  Statement& rows = session.Prepare(queries::kUserMarks).Bind(1, reader);
  while (rows.Step()) {
    places.emplace_back(rows.Id(0), MarkOf(rows.Id(0), reader, rows.Int(1)));
  }
  count = 0;
  for (std::span<const Place> left(places); !left.empty() && count < kUnreadCounted;) {
    const auto some = left.first(std::min(kCountedTogether, left.size()));
    left = left.subspan(some.size());
    for (const int64_t one : UnreadBehind(session, reader, some)) count += one;
  }
  return std::min(count, kUnreadCounted);
}

}  // namespace parley

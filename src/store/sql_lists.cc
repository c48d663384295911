// SqlStore: reads of several conversations at once: a user's list, and heads for home shards.
#include <unordered_map>

#include "store/list_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

using ViewOf = std::unordered_map<Uuid, ConversationView*>;

void AddMembers(SqlSession& session, const ListQuery& query, int64_t bound,
                const std::vector<Uuid>& ids, ViewOf& views) {
  if (ids.empty()) return;
  query.Run(
      session, std::span(ids), ids.front(), [&](Statement& rows) { rows.Bind(1, bound); },
      [&](const Statement& row) {
        std::vector<Member>& members = views.at(row.Id(kMemberColumns))->conversation.members;
        if (members.size() < static_cast<size_t>(kMembersShown)) members.push_back(MemberFrom(row));
      });
}

// Reads the first members and the last message of each, in a few statements for all.
void FillViews(SqlSession& session, std::span<ConversationView* const> listed) {
  ViewOf views;
  std::vector<Uuid> ids, large;
  for (ConversationView* const view : listed) {
    const Conversation& conversation = view->conversation;
    views.emplace(conversation.id, view);
    ids.push_back(conversation.id);
    if (conversation.participant_count > kMembersShown) large.push_back(conversation.id);
  }
  if (ids.empty()) return;
  AddMembers(session, queries::kMembersOfSmall, kMembersShown, ids, views);
  AddMembers(session, queries::kFirstMembersOfLarge, kMembersShown - 1, large, views);
  std::vector<Message*> last;
  queries::kLastMessages.Run(session, std::span<const Uuid>(ids), [&](const Statement& row) {
    Message message = MessageFrom(row);
    std::optional<Message>& place = views.at(message.conversation_id)->last_message;
    place = std::move(message);
    last.push_back(&*place);
  });
  FillAttachments(session, last);
}

// Counts the unread messages of each after the mark of the reader's row.
void FillUnread(SqlSession& session, std::span<ConversationView* const> listed,
                const UserId& reader) {
  ViewOf views;
  std::vector<Uuid> ids;
  for (ConversationView* const view : listed) {
    views.emplace(view->conversation.id, view);
    ids.push_back(view->conversation.id);
  }
  if (ids.empty()) return;
  queries::kUnreadOfMany.Run(
      session, std::span<const Uuid>(ids), ids.front(),
      [&](Statement& rows) { rows.Bind(1, reader); },
      [&](const Statement& row) { views.at(row.Id(0))->unread_count = row.Int(1); });
}

ListedConversation ListedFrom(const Statement& row) {
  return {ConversationFrom(row), row.Int(kConversationColumns), row.Int(kConversationColumns + 1)};
}

PageOfListed ReadRows(SqlSession& session, const UserId& reader, int limit,
                      const std::optional<ConversationCursor>& after) {
  PageOfListed page{.epoch = session.Epoch()};
  Statement& rows =
      session.Prepare(after ? queries::kListConversationsAfter : queries::kListConversations);
  rows.Bind(1, reader).Bind(2, int64_t{limit} + 1);
  if (after) rows.Bind(3, after->activity.micros).Bind(4, after->id);
  while (rows.Step()) page.conversations.push_back(ListedFrom(rows));
  if (page.conversations.size() > static_cast<size_t>(limit)) {
    page.conversations.pop_back();
    page.has_more = true;
  }
  if (!page.conversations.empty()) {
    const Conversation& last = page.conversations.back().conversation;
    page.last = {last.last_message_at.value_or(last.created_at), last.id};
  }
  return page;
}

}  // namespace

void SqlStore::ListConversations(UserId reader, int limit, std::optional<ConversationCursor> after,
                                 Executor& on, Answer<PageOfConversations> done) {
  OnReader<PageOfConversations>(
      on, std::move(done),
      [=, this](SqlSession& session) -> Result<PageOfConversations> {
        PageOfListed rows = ReadRows(session, reader, limit, after);
        PageOfConversations page{.has_more = rows.has_more, .last = rows.last};
        for (ListedConversation& row : rows.conversations) {
          page.conversations.push_back({.conversation = std::move(row.conversation)});
        }
        std::vector<ConversationView*> views;
        for (ConversationView& view : page.conversations) views.push_back(&view);
        FillViews(session, views);
        FillUnread(session, views, reader);
        ShowMarks(session, reader, views);
        return page;
      },
      ReadClass::kBulk);
}

void SqlStore::ListRows(UserId reader, int limit, std::optional<ConversationCursor> after,
                        Executor& on, Answer<PageOfListed> done) {
  OnReader<PageOfListed>(
      on, std::move(done),
      [=, this](SqlSession& session) -> Result<PageOfListed> {
        PageOfListed page = ReadRows(session, reader, limit, after);
        for (ListedConversation& row : page.conversations) {
          row.read_mark = MarkOf(row.conversation.id, reader, row.read_mark);
        }
        return page;
      },
      ReadClass::kBulk);
}

void SqlStore::FindParts(UserId reader, ListParts wanted, Executor& on, Answer<FoundParts> done) {
  OnReader<FoundParts>(
      on, std::move(done),
      [this, reader = std::move(reader),
       wanted = std::move(wanted)](SqlSession& session) -> Result<FoundParts> {
        FoundParts found{.epoch = session.Epoch()};
        std::vector<Uuid> ids = wanted.whole;
        std::unordered_map<Uuid, int64_t> unchanged;
        for (const auto& [id, changed] : wanted.unread) {
          ids.push_back(id);
          unchanged.emplace(id, changed);
        }
        if (!ids.empty()) {
          queries::kListedOfMany.Run(
              session, std::span<const Uuid>(ids), ids.front(),
              [&](Statement& rows) { rows.Bind(1, reader); },
              [&](const Statement& row) {
                ListedConversation listed = ListedFrom(row);
                const auto known = unchanged.find(listed.conversation.id);
                found.parts.push_back(
                    {.view = {.conversation = std::move(listed.conversation)},
                     .changed = listed.changed,
                     .read_mark = listed.read_mark,
                     .whole = known == unchanged.end() || known->second != listed.changed});
              });
        }
        std::vector<ConversationView*> whole, all;
        for (FoundParts::Part& part : found.parts) {
          all.push_back(&part.view);
          if (part.whole) whole.push_back(&part.view);
        }
        FillViews(session, whole);
        FillUnread(session, all, reader);
        const auto moved = ShowMarks(session, reader, all);
        for (FoundParts::Part& part : found.parts) {
          const auto mark = moved.find(part.view.conversation.id);
          if (mark != moved.end()) part.read_mark = mark->second;
        }
        queries::kStampsOfMany.Run(
            session, std::span<const Uuid>(wanted.stamps), [&](const Statement& row) {
              found.stamps.push_back({row.Id(0), TimeAt(row, 1), TimeAt(row, 2)});
            });
        return found;
      },
      ReadClass::kBulk);
}

void SqlStore::LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                         Answer<std::vector<LoadedHead>> done) {
  using Heads = std::vector<LoadedHead>;
  OnReader<Heads>(
      on, std::move(done),
      [conversations = std::move(conversations),
       limit = static_cast<int64_t>(participants_limit)](SqlSession& session) -> Result<Heads> {
        Heads out;
        std::unordered_map<Uuid, size_t> place;
        std::vector<Uuid> ids;  // ids of existing conversations, without duplicates
        queries::kLoadHeads.Run(
            session, std::span<const Uuid>(conversations), [&](const Statement& row) {
              if (!place.emplace(row.Id(0), out.size()).second) return;
              ids.push_back(row.Id(0));
              out.push_back({.conversation = row.Id(0),
                             .head = {.seq = row.Int(1),
                                      .epoch = session.Epoch(),
                                      .changed = row.Int(4),
                                      .type = ParseConversationType(row.Text(2))
                                                  .value_or(ConversationType::kGroup),
                                      .participant_count = row.Int(3)}});
            });
        if (ids.empty()) return out;
        queries::kMembersOfSmall.Run(
            session, std::span<const Uuid>(ids), ids.front(),
            [&](Statement& rows) { rows.Bind(1, limit); },
            [&](const Statement& row) {
              out[place.at(row.Id(kMemberColumns))].head.participants.emplace_back(row.Text(0));
            });
        return out;
      });
}

}  // namespace parley

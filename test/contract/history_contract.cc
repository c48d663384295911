// Reading messages: history, changes since a seq, unread counts, and deleted messages.
#include <numeric>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using Seqs = std::vector<int64_t>;

constexpr const char* kDeleteTheSecond =
    "UPDATE messaging_message SET deleted_at = sent_at WHERE seq = 2";

// --- history

TEST_P(StoreContract, HistoryIsNewestFirstWithHasMore) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 5);
  const auto part = History({.conversation_id = room, .reader = "ann", .limit = 4});
  EXPECT_EQ(SeqsOf(part->messages), (Seqs{5, 4, 3, 2}));
  EXPECT_TRUE(part->has_more);
  const auto all = History({.conversation_id = room, .reader = "ann", .limit = 5});
  EXPECT_EQ(SeqsOf(all->messages), (Seqs{5, 4, 3, 2, 1}));
  EXPECT_FALSE(all->has_more);
  EXPECT_EQ(all->messages[4].content, "1");
}

TEST_P(StoreContract, HistoryOfANewConversationIsEmpty) {
  const Uuid room = Room({"ann"});
  const auto page = History({.conversation_id = room, .reader = "ann"});
  EXPECT_TRUE(page->messages.empty());
  EXPECT_FALSE(page->has_more);
}

TEST_P(StoreContract, HistoryBeforeAMessageContinuesWithOlderOnes) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 7);
  Seqs seen;
  HistoryQuery query{.conversation_id = room, .reader = "ann", .limit = 3};
  while (true) {
    const auto page = History(query);
    ASSERT_TRUE(page);
    for (const int64_t seq : SeqsOf(page->messages)) seen.push_back(seq);
    if (!page->has_more) break;
    query.before_id = page->messages.back().id;
  }
  EXPECT_EQ(seen, (Seqs{7, 6, 5, 4, 3, 2, 1}));
}

TEST_P(StoreContract, HistoryBeforeTheFirstMessageIsEmpty) {
  const Uuid room = Room({"ann"});
  const Uuid first = InsertMany(room, "ann", 2)[0].message.id;
  const auto page = History({.conversation_id = room, .reader = "ann", .before_id = first});
  EXPECT_TRUE(page->messages.empty());
  EXPECT_FALSE(page->has_more);
}

TEST_P(StoreContract, HistoryBeforeAMessageOfAnotherConversationIsRejected) {
  const Uuid room = Room({"ann"}), other = Room({"ann"});
  const Uuid elsewhere = Insert(Text(other, "ann"))->message.id;
  for (const Uuid& wrong : {elsewhere, NewId()}) {
    const auto page = History({.conversation_id = room, .reader = "ann", .before_id = wrong});
    ASSERT_EQ(CodeOf(page), ErrorCode::invalid_field);
    ASSERT_EQ(page.error().fields.size(), 1u);
    EXPECT_EQ(page.error().fields[0].first, "before_id");
  }
}

TEST_P(StoreContract, HistoryAfterASeqIsOldestFirst) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 6);
  HistoryQuery query{.conversation_id = room, .reader = "ann", .limit = 3, .after_seq = 0};
  EXPECT_EQ(SeqsOf(History(query)->messages), (Seqs{1, 2, 3}));
  EXPECT_TRUE(History(query)->has_more);
  query.after_seq = 3;
  EXPECT_EQ(SeqsOf(History(query)->messages), (Seqs{4, 5, 6}));
  EXPECT_FALSE(History(query)->has_more);
  query.after_seq = 6;
  EXPECT_TRUE(History(query)->messages.empty());
  query.after_seq = INT64_MAX;
  EXPECT_TRUE(History(query)->messages.empty());
}

TEST_P(StoreContract, HistoryExcludesOtherConversations) {
  const Uuid room = Room({"ann"}), other = Room({"ann"});
  InsertMany(room, "ann", 2);
  InsertMany(other, "ann", 3);
  const auto page = History({.conversation_id = room, .reader = "ann"});
  ASSERT_EQ(page->messages.size(), 2u);
  for (const Message& message : page->messages) EXPECT_EQ(message.conversation_id, room);
}

// --- formatted pages

// The contents, and for the end the last one again and whether there are more.
constexpr HistoryFormat kContents{
    .add = [](std::string& out, const Message& message) { out += message.content + ","; },
    .end =
        [](std::string& out, const Message* last, bool has_more) {
          out += (last == nullptr ? "none" : last->content) + (has_more ? "+" : ".");
        },
};

TEST_P(StoreContract, AFormattedPageHasTheMessagesOfThePage) {
  const Uuid room = Room({"ann"});
  const auto sent = InsertMany(room, "ann", 5);
  HistoryQuery query{.conversation_id = room, .reader = "ann", .limit = 3, .format = &kContents};
  EXPECT_EQ(History(query)->formatted.view(), "5,4,3,3+");
  query.before_id = sent[2].message.id;
  EXPECT_EQ(History(query)->formatted.view(), "2,1,1.");
  query.before_id = sent[0].message.id;
  EXPECT_EQ(History(query)->formatted.view(), "none.");
  query.before_id = std::nullopt;
  query.after_seq = 3;
  EXPECT_EQ(History(query)->formatted.view(), "4,5,5.");
}

TEST_P(StoreContract, AFormattedPageNamesTheMessagesThatAreNotDelivered) {
  const Uuid room = Room({"ann", "bob"});
  InsertMany(room, "ann", 4);
  InsertMany(room, "bob", 2);
  Execute("UPDATE messaging_message SET delivered_at = sent_at WHERE seq = 2");
  using Run = std::tuple<int64_t, int64_t, UserId>;
  const auto runs = [&](HistoryQuery query) {
    query.format = &kContents;
    const auto page = History(query);
    EXPECT_TRUE(page->messages.empty());
    std::vector<Run> found;
    for (const UndeliveredRun& run : page->undelivered) {
      found.emplace_back(run.first, run.last, run.sender);
    }
    return found;
  };
  EXPECT_EQ(runs({.conversation_id = room, .reader = "ann"}),
            (std::vector<Run>{{5, 6, "bob"}, {3, 4, "ann"}, {1, 1, "ann"}}));
  EXPECT_EQ(runs({.conversation_id = room, .reader = "ann", .after_seq = 0}),
            (std::vector<Run>{{1, 1, "ann"}, {3, 4, "ann"}, {5, 6, "bob"}}));
}

TEST_P(StoreContract, NothingOfAMessageIsLeftInTheNextOneOfAFormattedPage) {
  static constexpr HistoryFormat kAll{
      .add =
          [](std::string& out, const Message& message) {
            out += message.content + "/" + message.client_id.value_or("-") + "/" +
                   (message.reply_to ? "reply" : "-") + "/" +
                   (message.deleted_at ? "deleted" : "-") + ",";
          },
      .end = [](std::string&, const Message*, bool) {},
  };
  const Uuid room = Room({"ann"});
  const Uuid first = InsertMany(room, "ann", 2)[0].message.id;
  NewMessage reply = Text(room, "ann");
  reply.content = "yes";
  reply.client_id = "c1";
  reply.reply_to = first;
  ASSERT_TRUE(Insert(std::move(reply)));
  Execute(kDeleteTheSecond);
  HistoryQuery query{
      .conversation_id = room, .reader = "ann", .include_deleted = true, .format = &kAll};
  EXPECT_EQ(History(query)->formatted.view(), "yes/c1/reply/-,/-/-/deleted,1/-/-/-,");
}

TEST_P(StoreContract, APageWithAttachmentsIsNotFormatted) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 2);
  ASSERT_TRUE(Insert(With(room, "ann", {Upload("ann")})));
  InsertMany(room, "ann", 1);
  const auto page = History({.conversation_id = room, .reader = "ann", .format = &kContents});
  EXPECT_TRUE(page->formatted.empty());
  EXPECT_EQ(SeqsOf(page->messages), (Seqs{4, 3, 2, 1}));
  EXPECT_EQ(page->messages[1].attachments.size(), 1u);
}

// --- deleted messages

// Proves: GET conversations/{id}/messages/
TEST_P(StoreContract, HistoryExcludesDeletedMessagesUnlessRequested) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 3);
  Execute(kDeleteTheSecond);
  HistoryQuery query{.conversation_id = room, .reader = "ann", .limit = 2};
  EXPECT_EQ(SeqsOf(History(query)->messages), (Seqs{3, 1}));
  EXPECT_FALSE(History(query)->has_more);
  query.include_deleted = true;
  const auto page = History(query);
  EXPECT_EQ(SeqsOf(page->messages), (Seqs{3, 2}));
  EXPECT_TRUE(page->has_more);
  EXPECT_TRUE(page->messages[1].deleted_at);
  EXPECT_EQ(page->messages[1].content, "");
}

TEST_P(StoreContract, ChangesIncludeDeletedMessagesWithoutTheirContent) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 3);
  Execute(kDeleteTheSecond);
  const auto page = History({.conversation_id = room, .reader = "ann", .after_seq = 0});
  ASSERT_EQ(SeqsOf(page->messages), OneTo(3));
  EXPECT_EQ(page->messages[1].content, "");
  const auto changes = Changes(room, 0);
  ASSERT_EQ(changes->changes.size(), 3u);
  EXPECT_TRUE(changes->changes[1].message.deleted_at);
  EXPECT_EQ(changes->changes[1].message.content, "");
  EXPECT_EQ(changes->changes[2].message.content, "3");
}

TEST_P(StoreContract, HistoryBeforeADeletedMessageContinuesWithOlderOnes) {
  const Uuid room = Room({"ann"});
  const Uuid second = InsertMany(room, "ann", 3)[1].message.id;
  Execute(kDeleteTheSecond);
  EXPECT_EQ(
      SeqsOf(History({.conversation_id = room, .reader = "ann", .before_id = second})->messages),
      (Seqs{1}));
}

TEST_P(StoreContract, TheLastMessageOfAViewIsTheNewestThatIsNotDeleted) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 2);
  Execute(kDeleteTheSecond);
  EXPECT_EQ(View(room, "ann")->last_message->seq, 1);
  EXPECT_EQ(View(room, "ann")->conversation.seq, 2);
}

TEST_P(StoreContract, ReadsSkipMessagesDeletedByRetention) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 4);
  Execute("DELETE FROM messaging_message WHERE seq IN (1, 3, 4)");
  EXPECT_EQ(StoredSeqs(room), (Seqs{2}));
  EXPECT_EQ(Changes(room, 2)->head, 4);
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 5) << "a seq is never reused";
}

// --- changes since a seq

TEST_P(StoreContract, ChangesStartAfterTheSeqUpToTheLimitAndHaveTheHead) {
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 10);
  const auto some = Changes(room, 4, 3);
  ASSERT_EQ(some->changes.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(some->changes[i].seq, static_cast<int64_t>(5 + i));
    EXPECT_EQ(some->changes[i].message.content, std::to_string(5 + i));
  }
  EXPECT_EQ(some->head, 10);
  EXPECT_EQ(Changes(room, 7, 3)->changes.size(), 3u);
  EXPECT_EQ(Changes(room, 8, 3)->changes.size(), 2u);
  EXPECT_TRUE(Changes(room, 10)->changes.empty());
  EXPECT_EQ(Changes(room, 10)->head, 10);
  EXPECT_TRUE(Changes(room, 11)->changes.empty());
}

TEST_P(StoreContract, APageOfChangesIsBoundedInBytes) {
  const Uuid room = Room({"ann"});
  const std::string large(30'000, 'x');
  std::vector<Uuid> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(Insert(Text(room, "ann", large))->message.id);
  for (const Uuid& id : ids) ASSERT_TRUE(Apply(room, "ann", EditMessage{id, large + "y"}));
  ASSERT_TRUE(Apply(room, "ann", UpdateDetails{.set_title = true, .title = "new"}));
  InsertMany(room, "ann", 3);
  int64_t since = 0;
  std::vector<int64_t> seqs;
  for (int pages = 0; since < 16 && pages < 20; ++pages) {
    const auto page = Ask<ChangesSince>([&](auto& on, auto done) {
      store_->ReadChanges(room, since, 100, 64 * 1024, on, std::move(done));
    });
    ASSERT_TRUE(page);
    EXPECT_EQ(page->head, 16);
    EXPECT_LE(page->changes.size(), since < 12 ? 5u : 4u);
    ASSERT_FALSE(page->changes.empty());
    EXPECT_GE(page->through, page->changes.back().seq);
    for (const Change& change : page->changes) seqs.push_back(change.seq);
    since = page->through;
  }
  std::vector<int64_t> all(16);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(seqs, all);
}

TEST_P(StoreContract, ANewConversationHasNoChanges) {
  const Uuid room = Room({"ann"});
  EXPECT_TRUE(Changes(room, 0)->changes.empty());
  EXPECT_EQ(Changes(room, 0)->head, 0);
}

TEST_P(StoreContract, ChangesAndHeadComeFromOneSnapshot) {
  const Uuid room = Room({"ann"});
  constexpr int kMessages = 300;
  int stored = 0, read = 0;
  for (int i = 0; i < kMessages; ++i) {
    store_->InsertMessage(Text(room, "ann"), on_, [&](Result<StoredMessage>) { ++stored; });
    store_->ReadChanges(room, 0, 1000, SIZE_MAX, on_, [&](Result<ChangesSince> changes) {
      ++read;
      ASSERT_TRUE(changes);
      EXPECT_EQ(static_cast<int64_t>(changes->changes.size()), changes->head);
    });
  }
  ASSERT_TRUE(on_.RunUntil([&] { return stored == kMessages && read == kMessages; }));
}

TEST_P(StoreContract, AReadAfterAnAckSeesTheWrite) {
  const Uuid room = Room({"ann"});
  for (int64_t seq = 1; seq <= 50; ++seq) {
    ASSERT_TRUE(Insert(Text(room, "ann")));
    ASSERT_EQ(Head(room)->seq, seq);
    ASSERT_EQ(Changes(room, seq - 1)->changes.size(), 1u);
  }
}

// --- unread counts

TEST_P(StoreContract, UnreadCountsMessagesOfOtherUsersOnly) {
  const Uuid room = Room({"ann", "bob", "cho"}), other = Room({"bob", "ann"});
  InsertMany(room, "ann", 2);
  InsertMany(room, "bob", 3);
  InsertMany(other, "ann", 1);
  EXPECT_EQ(*Unread("ann", room), 3);
  EXPECT_EQ(*Unread("bob", room), 2);
  EXPECT_EQ(*Unread("cho", room), 5);
  EXPECT_EQ(*Unread("bob"), 3);
  EXPECT_EQ(*Unread("ann"), 3);
  EXPECT_EQ(View(room, "bob")->unread_count, 2);
  const auto list = List("bob");
  for (const ConversationView& view : list->conversations) {
    EXPECT_EQ(view.unread_count, view.conversation.id == room ? 2 : 1);
  }
}

TEST_P(StoreContract, UnreadCountsUndeletedMessagesAfterTheMarkOnly) {
  const Uuid room = Room({"ann", "bob"});
  InsertMany(room, "ann", 6);
  Execute(kDeleteTheSecond);
  EXPECT_EQ(*Unread("bob", room), 5);
  EXPECT_EQ(*Unread("bob"), 5);
  Execute("UPDATE messaging_conversation_participant SET last_read_seq = 4 WHERE user_id = 'bob'");
  EXPECT_EQ(*Unread("bob", room), 2);
  EXPECT_EQ(*Unread("bob"), 2);
  EXPECT_EQ(View(room, "bob")->unread_count, 2);
  EXPECT_EQ(List("bob")->conversations[0].unread_count, 2);
  EXPECT_EQ(View(room, "bob")->conversation.members[1].last_read_seq, 4);
}

// Proves: GET messages/unread_count/
TEST_P(StoreContract, UnreadCountsAreLimitedToAThousand) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"});
  InsertMany(room, "ann", 999);
  EXPECT_EQ(*Unread("bob", room), 999);
  InsertMany(room, "ann", 6);
  EXPECT_EQ(*Unread("bob", room), 1000);
  EXPECT_EQ(View(room, "bob")->unread_count, 1000);
  InsertMany(other, "ann", 5);
  EXPECT_EQ(*Unread("bob"), 1000);
  EXPECT_EQ(*Unread("bob", other), 5);
  EXPECT_EQ(*Unread("ann"), 0);
}

// --- one message

TEST_P(StoreContract, AMessageIsReadableByMembersOnly) {
  const Uuid room = Room({"ann", "bob"});
  const Uuid id = Insert(Text(room, "ann"))->message.id;
  EXPECT_EQ(Read(id, "bob")->id, id);
  EXPECT_EQ(Read(id, "bob")->content, "hello");
}

}  // namespace
}  // namespace parley::test

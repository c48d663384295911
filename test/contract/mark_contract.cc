// Read marks: validated by a read, readable at once, written in the background.
#include <algorithm>
#include <set>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

// Proves: positions
TEST_P(StoreContract, AMarkIsReadableBeforeItsRowIsWritten) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"});
  InsertMany(room, "ann", 5);
  InsertMany(other, "ann", 2);
  ASSERT_TRUE(Mark(room, "bob", 3));
  EXPECT_EQ(*Unread("bob", room), 2);
  EXPECT_EQ(*Unread("bob"), 4);
  const auto view = View(room, "bob");
  EXPECT_EQ(view->unread_count, 2);
  EXPECT_EQ(view->conversation.members[1].last_read_seq, 3);
  EXPECT_TRUE(view->conversation.members[1].last_read_at);
  EXPECT_EQ(view->conversation.members[0].last_read_seq, 0);
  const auto page = List("bob");
  EXPECT_EQ(page->conversations[1].unread_count, 2);
  EXPECT_EQ(page->conversations[0].unread_count, 2);
  EXPECT_EQ(Mark(room, "bob", 2)->up_to_seq, 3);
  EXPECT_EQ(*Unread("ann"), 0) << "own messages are not unread";
}

TEST_P(StoreContract, UnreadCountsOverTheLimitFollowAnUnwrittenMark) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"});
  InsertMany(room, "ann", 1'100);
  InsertMany(other, "ann", 30);
  EXPECT_EQ(*Unread("bob"), 1'000);
  ASSERT_TRUE(Mark(room, "bob", 1'090));
  EXPECT_EQ(*Unread("bob"), 40);
  ASSERT_TRUE(Mark(other, "bob", 25));
  EXPECT_EQ(*Unread("bob"), 15);
}

Result<ReadMarks> MarkNamed(Store& store, WaitingExecutor& on, const UserId& reader,
                            std::vector<Uuid> messages, std::optional<Uuid> only = std::nullopt) {
  std::optional<Result<ReadMarks>> answer;
  store.MarkMessagesRead(reader, std::move(messages), only, on,
                         [&](Result<ReadMarks> given) { answer.emplace(std::move(given)); });
  if (!on.RunUntil([&] { return answer.has_value(); })) return Fail(ErrorCode::internal, "none");
  return std::move(*answer);
}

TEST_P(StoreContract, NamedMessagesAreMarkedInEachOfTheirConversations) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"}), hidden = Room({"ann"});
  std::vector<Uuid> named;
  for (const StoredMessage& stored : InsertMany(room, "ann", 70))
    named.push_back(stored.message.id);
  named.pop_back();
  named.push_back(Insert(Text(other, "ann"))->message.id);
  named.push_back(Insert(Text(other, "bob"))->message.id);
  named.push_back(Insert(Text(hidden, "ann"))->message.id);
  named.push_back(NewId());
  const auto marks = MarkNamed(*store_, on_, "bob", named);
  ASSERT_TRUE(marks);
  EXPECT_EQ(marks->updated, 70) << "neither own messages nor invisible ones";
  ASSERT_EQ(marks->receipts.size(), 2u);
  EXPECT_EQ(marks->receipts[0].participants, 2);
  EXPECT_EQ(marks->receipts[0].up_to_seq, 69);
  EXPECT_EQ(marks->receipts[0].messages, std::vector<Uuid>(named.begin(), named.begin() + 69));
  EXPECT_EQ(marks->receipts[1].up_to_seq, 2);
  EXPECT_EQ(*Unread("bob"), 1);

  const auto again = MarkNamed(*store_, on_, "bob", {named[3], named[1]}, room);
  EXPECT_EQ(again->updated, 0);
  ASSERT_EQ(again->receipts.size(), 1u);
  EXPECT_EQ(again->receipts[0].up_to_seq, 69) << "the current mark";
  EXPECT_EQ(again->receipts[0].messages, (std::vector<Uuid>{named[3], named[1]}));
  EXPECT_TRUE(MarkNamed(*store_, on_, "bob", {named[3]}, other)->receipts.empty());
}

// Proves: positions
TEST_P(StoreContract, ManyMarksAreWrittenInFewStatementsAndSurviveClosing) {
  std::vector<UserId> users = {"ann"};
  for (int i = 0; i < 600; ++i) users.push_back("user-" + std::to_string(i));
  const Uuid room = Room(users);
  InsertMany(room, "ann", 4);
  const StoreStats before = store_->Stats();
  int answers = 0;
  for (size_t i = 1; i < users.size(); ++i) {
    store_->MarkRead(room, users[i], static_cast<int64_t>(1 + i % 4), on_,
                     [&](const Result<ReadMarks>& marks) {
                       EXPECT_TRUE(marks);
                       ++answers;
                     });
  }
  ASSERT_TRUE(on_.RunUntil([&] { return answers == 600; }));
  EXPECT_EQ(store_->Stats().commits, before.commits) << "no commit runs for a client";
  Reopen();
  for (const size_t i : {size_t{1}, size_t{2}, size_t{3}, size_t{600}}) {
    EXPECT_EQ(*Unread(users[i], room), static_cast<int64_t>(4 - (1 + i % 4)));
  }
}

TEST_P(StoreContract, AFirstVisitStampsAllMessagesOfALongHistory) {
  const Uuid room = Room({"ann", "bob", "cho"});
  InsertMany(room, "ann", 2'600);
  ASSERT_TRUE(Insert(Text(room, "bob")));
  ASSERT_TRUE(Mark(room, "bob", 2'601));
  Reopen();
  const auto changes = Changes(room, 0, 10'000);
  ASSERT_EQ(changes->changes.size(), 2'601u);
  for (const Change& change : changes->changes) {
    const bool own = change.message.sender_id == "bob";
    ASSERT_EQ(change.message.read_at.has_value(), !own) << change.seq;
  }
  ASSERT_TRUE(Mark(room, "cho", 2'601));
  Reopen();
  EXPECT_TRUE(Changes(room, 2'600)->changes[0].message.read_at);
}

TEST_P(StoreContract, AnOldMarkDoesNotMoveTheMarkOfAMemberWhoRejoined) {
  const Uuid room = Room({"ann", "bob"});
  InsertMany(room, "ann", 3);
  ASSERT_TRUE(Mark(room, "bob", 1));
  ASSERT_TRUE(Apply(room, "ann", RemoveParticipant{"bob"}));
  EXPECT_EQ(CodeOf(Mark(room, "bob", 2)), ErrorCode::not_found);
  ASSERT_TRUE(Apply(room, "ann", AddParticipant{.user = "bob", .at_most = 10}));
  EXPECT_EQ(*Unread("bob", room), 0) << "the mark starts at the head";
  Reopen();
  EXPECT_EQ(*Unread("bob", room), 0);
}

}  // namespace
}  // namespace parley::test

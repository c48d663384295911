// Durable changes besides sends: each takes a seq, and a replay shows the current state.
#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using Kinds = std::vector<ChangeKind>;

Kinds KindsOf(const ChangesSince& changes) {
  Kinds kinds;
  for (const Change& change : changes.changes) kinds.push_back(change.kind);
  return kinds;
}

TEST_P(StoreContract, AReplayMergesMessagesAndChangesBySeq) {
  const Uuid room = Room({"ann", "bob"});
  const auto first = Insert(Text(room, "ann", "one"));
  EXPECT_EQ(Apply(room, "ann", EditMessage{first->message.id, "uno", {}})->change.seq, 2);
  const auto second = Insert(Text(room, "bob", "two"));
  EXPECT_EQ(second->message.seq, 3);
  EXPECT_EQ(Apply(room, "bob", DeleteMessage{second->message.id})->change.seq, 4);
  EXPECT_EQ(Apply(room, "ann", UpdateDetails{.set_title = true, .title = "Tea"})->change.seq, 5);
  const auto changes = Changes(room, 0);
  EXPECT_EQ(changes->head, 5);
  EXPECT_EQ(KindsOf(*changes),
            (Kinds{ChangeKind::kMessage, ChangeKind::kMessageUpdated, ChangeKind::kMessage,
                   ChangeKind::kMessageDeleted, ChangeKind::kConversationUpdated}));
  EXPECT_EQ(changes->changes[0].message.content, "uno") << "the current version";
  EXPECT_EQ(changes->changes[2].message.content, "");
  EXPECT_EQ(changes->changes[3].message.id, second->message.id);
  EXPECT_EQ(changes->changes[4].conversation->title, "Tea");
  EXPECT_EQ(KindsOf(*Changes(room, 1, 2)),
            (Kinds{ChangeKind::kMessageUpdated, ChangeKind::kMessage}));
}

TEST_P(StoreContract, AReplayContainsTheRangeThatARestoreLost) {
  const Uuid room = Room({"ann", "bob"});
  Insert(Text(room, "ann", "one"));
  Execute(
      "INSERT INTO parley_change (conversation_id, seq, kind, message_seq) "
      "SELECT id, seq + 1000, 4, seq FROM messaging_conversation");
  Execute("UPDATE messaging_conversation SET seq = seq + 1000");
  EXPECT_EQ(Insert(Text(room, "bob", "two"))->message.seq, 1002);
  for (const int64_t since : {1, 7, 1000}) {
    const auto changes = Changes(room, since);
    EXPECT_EQ(KindsOf(*changes), (Kinds{ChangeKind::kRestored, ChangeKind::kMessage})) << since;
    EXPECT_EQ(changes->changes[0].seq, 1001);
    EXPECT_EQ(changes->changes[0].message.seq, 1) << "the last seq before the restore";
    EXPECT_EQ(changes->changes[0].message.conversation_id, room);
  }
  EXPECT_EQ(KindsOf(*Changes(room, 1001)), Kinds{ChangeKind::kMessage});
}

TEST_P(StoreContract, AChangeWithoutEffectTakesNoSeq) {
  const Uuid room = Room({"ann", "bob"});
  const auto sent = Insert(Text(room, "ann", "one"));
  EXPECT_EQ(Apply(room, "ann", EditMessage{sent->message.id, "one", {}})->change.seq, 0);
  EXPECT_EQ(Apply(room, "ann", AddParticipant{.user = "bob"})->change.seq, 0);
  const auto gone = Apply(room, "ann", RemoveParticipant{"cho"});
  EXPECT_EQ(gone->change.seq, 0);
  EXPECT_EQ(gone->removed, "cho") << "sockets that are still open are closed";
  EXPECT_EQ(Apply(room, "ann", SetRole{"bob", Role::kMember})->change.seq, 0);
  EXPECT_EQ(Head(room)->seq, 1);
}

TEST_P(StoreContract, ChangesByNonMembersAreNotFound) {
  const Uuid room = Room({"ann"});
  const auto sent = Insert(Text(room, "ann"));
  EXPECT_EQ(CodeOf(Apply(room, "eve", EditMessage{sent->message.id, "x", {}})),
            ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Apply(room, "eve", AddParticipant{.user = "eve"})), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Apply(NewId(), "ann", AddParticipant{.user = "eve"})), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Delete(room, "eve")), ErrorCode::not_found);
}

TEST_P(StoreContract, TheParticipantCountFollowsJoinsAndRemovals) {
  const Uuid room = Room({"ann", "bob"});
  const auto added = Apply(room, "ann", AddParticipant{.user = "cho", .at_most = 3});
  EXPECT_EQ(added->added, "cho");
  EXPECT_EQ(added->change.conversation->participant_count, 3);
  EXPECT_EQ(CodeOf(Apply(room, "ann", AddParticipant{.user = "dan", .at_most = 3})),
            ErrorCode::invalid_field);
  EXPECT_EQ(Apply(room, "cho", RemoveParticipant{"cho"})->change.conversation->participant_count,
            2);
  EXPECT_FALSE(*IsParticipant(room, "cho"));
  EXPECT_EQ(Head(room)->participants, (std::vector<UserId>{"ann", "bob"}));
}

TEST_P(StoreContract, ReadMarksMoveForwardOnly) {
  const Uuid room = Room({"ann", "bob"});
  InsertMany(room, "ann", 3);
  EXPECT_EQ(Mark(room, "bob", 2)->up_to_seq, 2);
  const auto back = Mark(room, "bob", 1);
  EXPECT_EQ(back->up_to_seq, 2);
  ASSERT_EQ(back->receipts.size(), 1u) << "a receipt is broadcast even if the mark did not move";
  EXPECT_EQ(back->receipts[0].up_to_seq, 2);
  EXPECT_EQ(CodeOf(Mark(room, "bob", 4)), ErrorCode::invalid_field);
  EXPECT_EQ(CodeOf(Mark(room, "eve", 1)), ErrorCode::not_found);
  EXPECT_EQ(*Unread("bob", room), 1);
  Reopen();
  EXPECT_EQ(*Unread("bob", room), 1);
  const auto page = History({.conversation_id = room, .reader = "ann"});
  EXPECT_FALSE(page->messages[0].read_at);
  EXPECT_TRUE(page->messages[1].read_at && page->messages[2].read_at);
}

TEST_P(StoreContract, ADeletedConversationIsInvisibleAtOnceAndItsRowsAreDeletedLater) {
  const Uuid room = Room({"ann", "bob"});
  const auto sent = Insert(Text(room, "ann"));
  EXPECT_EQ(CodeOf(Delete(room, "bob")), ErrorCode::forbidden);
  EXPECT_TRUE(Delete(room, "ann"));
  EXPECT_EQ(CodeOf(View(room, "ann")), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(View(room, "ann", true)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Read(sent->message.id, "ann", true)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Changes(room, 0)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Insert(Text(room, "ann"))), ErrorCode::not_participant);
  Reopen();
  EXPECT_EQ(CodeOf(View(room, "ann")), ErrorCode::not_found);
}

}  // namespace

}  // namespace parley::test

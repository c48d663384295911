// Reads of many conversations, messages or users at once: their results equal those of single reads, in
// a constant number of statements.
#include <algorithm>
#include <set>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

// Statements of any read: BEGIN and COMMIT, and those of the longest list.
constexpr uint64_t kFewStatements = 12;

class ListContract : public StoreContract {
 protected:
  Result<std::vector<LoadedHead>> Load(std::vector<Uuid> rooms, size_t participants_limit = 3) {
    return Ask<std::vector<LoadedHead>>([&](Executor& on, Answer<std::vector<LoadedHead>> done) {
      store_->LoadHeads(std::move(rooms), participants_limit, on, std::move(done));
    });
  }
  std::vector<Seen> ListSeen(const UserId& reader, std::vector<UserId> asked,
                             bool as_service = false) {
    const auto seen = Ask<std::vector<Seen>>([&](Executor& on, Answer<std::vector<Seen>> done) {
      store_->ListSeen(reader, as_service, std::move(asked), on, std::move(done));
    });
    return seen ? *seen : std::vector<Seen>();
  }
  Result<PageOfListed> ListRows(const UserId& reader, int limit = 1000) {
    return Ask<PageOfListed>([&](Executor& on, Answer<PageOfListed> done) {
      store_->ListRows(reader, limit, std::nullopt, on, std::move(done));
    });
  }
  Result<FoundParts> FindParts(const UserId& reader, const ListParts& wanted) {
    return Ask<FoundParts>([&](Executor& on, Answer<FoundParts> done) {
      store_->FindParts(reader, wanted, on, std::move(done));
    });
  }
  static std::set<UserId> UsersOf(const std::vector<Seen>& seen) {
    std::set<UserId> users;
    for (const Seen& one : seen) users.insert(one.user);
    EXPECT_EQ(users.size(), seen.size()) << "each once";
    return users;
  }
  // Returns the fewest statements of several runs of a read, because upkeep runs statements meanwhile.
  template <class Read>
  uint64_t StatementsOf(Read read) {
    uint64_t fewest = UINT64_MAX;
    for (int i = 0; i < 5; ++i) {
      const uint64_t before = store_->Stats().statements;
      read();
      fewest = std::min(fewest, store_->Stats().statements - before);
    }
    return fewest;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, ListContract, testing::ValuesIn(Engines()),
                         [](const auto& engine) { return engine.param.name; });

// --- heads

TEST_P(ListContract, HeadsLoadedTogetherEqualHeadsLoadedSeparately) {
  std::vector<Uuid> rooms;
  for (int i = 0; i < 40; ++i) {
    rooms.push_back(i % 4 == 0 ? Room({"ann", "bob", "cho", "dan"}) : Room({"ann", "bob"}));
    if (i % 3 == 0) InsertMany(rooms.back(), "ann", i % 5 + 1);
  }
  for (const size_t count : {1UL, 16UL, 17UL, 40UL}) {
    std::vector<Uuid> asked(rooms.begin(), rooms.begin() + static_cast<std::ptrdiff_t>(count));
    asked.push_back(NewId());  // does not exist
    const auto loaded = Load(asked);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(StatementsOf([&] { (void)Load(asked); }), 4u) << count << " heads";
    ASSERT_EQ(loaded->size(), count);
    for (const LoadedHead& one : *loaded) {
      const auto alone = Head(one.conversation, 3);
      EXPECT_EQ(one.head.seq, alone->seq);
      EXPECT_EQ(one.head.type, alone->type);
      EXPECT_EQ(one.head.participant_count, alone->participant_count);
      EXPECT_EQ(one.head.participants, alone->participants);
    }
  }
  EXPECT_TRUE(Load({})->empty());
}

TEST_P(ListContract, AListMayExceedAStatementAndContainDuplicates) {
  const Uuid a = Room({"ann"}), b = Room({"ann", "bob"});
  InsertMany(b, "ann", 2);
  std::vector<Uuid> asked;
  for (int i = 0; i < 1'100; ++i) asked.push_back(i % 2 == 0 ? a : b);
  const auto loaded = Load(asked);
  ASSERT_TRUE(loaded);
  std::set<Uuid> seen;
  for (const LoadedHead& one : *loaded) {
    seen.insert(one.conversation);
    EXPECT_EQ(one.head.seq, one.conversation == b ? 2 : 0);
    EXPECT_EQ(one.head.participants.size(), one.conversation == b ? 2u : 1u);
  }
  EXPECT_EQ(seen, (std::set<Uuid>{a, b}));
}

TEST_P(ListContract, ADeletedConversationHasNoHead) {
  const Uuid room = Room({"ann", "bob"});
  ASSERT_TRUE(Delete(room, "ann"));
  EXPECT_TRUE(Load({room})->empty());
}

// --- conversations of a user

// Proves: GET conversations/
TEST_P(ListContract, AListedConversationEqualsItsView) {
  std::vector<UserId> many = {"ann"};
  for (int i = 0; i < 149; ++i) many.push_back("user-" + std::to_string(1000 - i));
  std::vector<Uuid> rooms, to_mark;
  for (int i = 0; i < 40; ++i) {
    rooms.push_back(i == 7 ? Room(many) : Room({"ann", "bob"}));
    const auto sent = InsertMany(rooms.back(), i == 7 ? "user-1000" : "bob", i % 6);
    if (sent.size() > 2) to_mark.push_back(rooms.back());
    if (sent.size() > 3)
      Apply(rooms.back(), "bob", DeleteMessage{.message = sent.back().message.id});
  }
  ASSERT_TRUE(Insert(With(rooms[0], "ann", {Upload("ann"), Upload("ann")})));
  EXPECT_LE(StatementsOf([&] { (void)List("ann"); }), kFewStatements);
  // The store also writes marks in the background meanwhile: the better of two lists counts.
  uint64_t fewest = UINT64_MAX;
  Result<PageOfConversations> page = Fail(ErrorCode::internal, "Not read yet.");
  for (int64_t seq = 1; seq <= 2; ++seq) {
    for (const Uuid& room : to_mark) Mark(room, "ann", seq);
    const uint64_t trips = store_->Stats().round_trips;
    page = List("ann");
    ASSERT_TRUE(page);
    fewest = std::min(fewest, store_->Stats().round_trips - trips);
  }
  EXPECT_LE(fewest, kFewStatements + 8) << "unwritten marks do not cost a round trip each";
  ASSERT_EQ(page->conversations.size(), 40u);
  for (const ConversationView& listed : page->conversations) {
    const auto alone = View(listed.conversation.id, "ann");
    EXPECT_EQ(listed.unread_count, alone->unread_count);
    ASSERT_EQ(listed.last_message.has_value(), alone->last_message.has_value());
    if (listed.last_message) {
      EXPECT_EQ(listed.last_message->id, alone->last_message->id);
      EXPECT_EQ(listed.last_message->attachments.size(), alone->last_message->attachments.size());
    }
    ASSERT_EQ(listed.conversation.members.size(), alone->conversation.members.size());
    for (size_t i = 0; i < listed.conversation.members.size(); ++i) {
      EXPECT_EQ(listed.conversation.members[i].user, alone->conversation.members[i].user);
      EXPECT_EQ(listed.conversation.members[i].last_read_seq,
                alone->conversation.members[i].last_read_seq);
    }
  }
}

// The two steps of a list through the cache.
TEST_P(ListContract, RowsWithAllTheirPartsEqualTheList) {
  std::vector<Uuid> rooms;
  for (int i = 0; i < 20; ++i) {
    rooms.push_back(Room({"ann", "bob"}));
    InsertMany(rooms.back(), "bob", i % 4);
  }
  ASSERT_TRUE(Insert(With(rooms[3], "bob", {Upload("bob")})));
  Mark(rooms[2], "ann", 1);
  const auto list = List("ann", 15);
  const auto rows = ListRows("ann", 15);
  ASSERT_EQ(rows->conversations.size(), 15u);
  EXPECT_TRUE(rows->has_more && list->has_more);
  EXPECT_EQ(rows->last.id, list->last.id);
  EXPECT_EQ(rows->last.activity, list->last.activity);
  ListParts wanted;
  for (const ListedConversation& row : rows->conversations) {
    EXPECT_TRUE(row.conversation.members.empty());
    wanted.whole.push_back(row.conversation.id);
  }
  EXPECT_LE(StatementsOf([&] { (void)FindParts("ann", wanted); }), kFewStatements);
  const auto found = FindParts("ann", wanted);
  ASSERT_EQ(found->parts.size(), 15u);
  for (size_t i = 0; i < 15; ++i) {
    const ListedConversation& row = rows->conversations[i];
    const ConversationView& listed = list->conversations[i];
    ASSERT_EQ(row.conversation.id, listed.conversation.id);
    const auto part = std::ranges::find(found->parts, row.conversation.id,
                                        [](const auto& one) { return one.view.conversation.id; });
    ASSERT_NE(part, found->parts.end());
    EXPECT_TRUE(part->whole);
    EXPECT_EQ(part->changed, row.changed);
    EXPECT_EQ(part->read_mark, row.read_mark);
    EXPECT_EQ(part->view.conversation.seq, row.conversation.seq);
    EXPECT_EQ(part->view.unread_count, listed.unread_count);
    EXPECT_EQ(part->view.conversation.members.size(), listed.conversation.members.size());
    ASSERT_EQ(part->view.last_message.has_value(), listed.last_message.has_value());
    if (listed.last_message) {
      EXPECT_EQ(part->view.last_message->id, listed.last_message->id);
      EXPECT_EQ(part->view.last_message->attachments.size(),
                listed.last_message->attachments.size());
    }
  }
}

TEST_P(ListContract, EveryDurableChangeMovesTheRowsPosition) {
  const Uuid room = Room({"ann", "bob"});
  std::set<int64_t> positions;
  size_t changes = 0;
  const auto moved = [&] {
    positions.insert(ListRows("ann")->conversations.at(0).changed);
    return positions.size() == ++changes;
  };
  EXPECT_TRUE(moved());
  const auto sent = InsertMany(room, "bob", 1);
  EXPECT_TRUE(moved());
  Apply(room, "bob", EditMessage{.message = sent[0].message.id, .content = "edited"});
  EXPECT_TRUE(moved());
  Apply(room, "bob", DeleteMessage{.message = sent[0].message.id});
  EXPECT_TRUE(moved());
}

TEST_P(ListContract, OnlyTheUnreadCountIsReadUnlessTheConversationHasChanged) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"bob", "cho"});
  const auto sent = InsertMany(room, "bob", 3);
  const ListedConversation row = ListRows("ann")->conversations.at(0);
  const ListParts wanted{.unread = {{room, row.changed}, {other, 1}},
                         .stamps = {sent[0].message.id, NewId()}};
  auto found = FindParts("ann", wanted);
  ASSERT_EQ(found->parts.size(), 1u) << "none of a conversation that the reader is not in";
  EXPECT_FALSE(found->parts[0].whole);
  EXPECT_EQ(found->parts[0].view.unread_count, 3);
  EXPECT_FALSE(found->parts[0].view.last_message);
  ASSERT_EQ(found->stamps.size(), 1u);
  EXPECT_EQ(found->stamps[0].message, sent[0].message.id);
  Mark(room, "ann", 2);
  found = FindParts("ann", wanted);
  EXPECT_EQ(found->parts[0].view.unread_count, 1) << "after a mark that is not in its row yet";
  EXPECT_EQ(found->parts[0].read_mark, 2);
  InsertMany(room, "bob", 1);
  found = FindParts("ann", wanted);
  ASSERT_TRUE(found->parts[0].whole);
  EXPECT_EQ(found->parts[0].view.unread_count, 2);
  EXPECT_EQ(found->parts[0].view.conversation.members.size(), 2u);
  ASSERT_TRUE(found->parts[0].view.last_message);
}

TEST_P(ListContract, TheHundredMembersOfAViewAreChosenDeterministically) {
  std::vector<UserId> users;
  for (int i = 0; i < 120; ++i) users.push_back("user-" + std::to_string(1000 + i));
  const Uuid room = Room(users);
  Execute(
      "UPDATE messaging_conversation_participant SET joined_at = "
      "(SELECT min(joined_at) FROM messaging_conversation_participant)");
  const auto page = List("user-1119");
  ASSERT_EQ(page->conversations.size(), 1u);
  const std::vector<Member>& members = page->conversations[0].conversation.members;
  ASSERT_EQ(members.size(), 100u);
  EXPECT_EQ(members.front().user, "user-1000");
  EXPECT_EQ(members.back().user, "user-1099");
  EXPECT_EQ(page->conversations[0].conversation.id, room);
}

// --- attachments of many messages

TEST_P(ListContract, APageOfMessagesReadsItsAttachmentsInOneStatement) {
  const Uuid room = Room({"ann", "bob"});
  for (int i = 0; i < 20; ++i) {
    const Uuid first = Upload("ann"), second = Upload("ann");
    ASSERT_TRUE(Insert(With(room, "ann", {first, second})));
  }
  const HistoryQuery newest{.conversation_id = room, .reader = "bob"};
  const auto page = History(newest);
  EXPECT_LE(StatementsOf([&] { (void)History(newest); }), kFewStatements);
  ASSERT_EQ(page->messages.size(), 20u);
  for (const Message& message : page->messages) {
    ASSERT_EQ(message.attachments.size(), 2u);
    EXPECT_EQ(message.attachments[0].message_id, message.id);
  }
  ASSERT_TRUE(
      Apply(room, "ann", EditMessage{.message = page->messages[0].id, .content = "other words"}));
  const auto changes = Changes(room, 0);
  EXPECT_LE(StatementsOf([&] { (void)Changes(room, 0); }), kFewStatements);
  ASSERT_EQ(changes->changes.size(), 21u);
  for (const Change& change : changes->changes) EXPECT_EQ(change.message.attachments.size(), 2u);
}

// --- last seen

TEST_P(ListContract, LastSeenIsReadInOneStatementForUsersWithASharedConversation) {
  Room({"ann", "bob"});
  Room({"ann", "bob", "cho"});
  Room({"eve", "dan"});
  std::vector<UserId> asked = {"bob", "cho", "dan", "nobody", "ann"};
  for (int i = 0; i < 495; ++i) asked.push_back("stranger-" + std::to_string(i));
  EXPECT_EQ(UsersOf(ListSeen("ann", asked)), (std::set<UserId>{"ann", "bob", "cho"}));
  EXPECT_EQ(StatementsOf([&] { (void)ListSeen("ann", asked); }), 3u)
      << "BEGIN, the statement, COMMIT";
  EXPECT_EQ(UsersOf(ListSeen("ann", {"cho", "dan"})), (std::set<UserId>{"cho"}));
  EXPECT_EQ(UsersOf(ListSeen("backend", {"cho", "dan", "nobody"}, true)),
            (std::set<UserId>{"cho", "dan", "nobody"}));
  EXPECT_TRUE(ListSeen("ann", {}).empty());
}

TEST_P(ListContract, LastSeenIsReadableBeforeAndAfterItIsWritten) {
  Room({"ann", "bob"});
  EXPECT_FALSE(ListSeen("ann", {"bob"})[0].last_seen);
  const Timestamp at = clock_.Now();
  store_->NoteSeen("bob", at);
  EXPECT_EQ(ListSeen("ann", {"bob"})[0].last_seen, at);
  Reopen();  // closing writes it
  EXPECT_EQ(ListSeen("ann", {"bob"})[0].last_seen, at);
}

}  // namespace
}  // namespace parley::test

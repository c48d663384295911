// Migrations of rows that older versions wrote.
#include <gmock/gmock.h>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using testing::UnorderedElementsAre;

const UserId kUpper = "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6";
const UserId kMixed = "F81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const UserId kLower = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

// Creates a store at that schema version, without tables of later ones.
std::string Meta(int version) {
  return "DROP TABLE IF EXISTS parley_lane; DROP INDEX parley_attachment_bytes; "
         "DROP TABLE IF EXISTS parley_client_id; CREATE UNIQUE INDEX IF NOT EXISTS "
         "parley_message_client_id ON messaging_message (conversation_id, sender_id, client_id) "
         "WHERE client_id IS NOT NULL; "
         "ALTER TABLE messaging_conversation DROP COLUMN task_by_service; UPDATE parley_meta SET "
         "value = '" +
         std::to_string(version) + "' WHERE key = 'schema_version';";
}

std::string Rename(const std::string& table, const std::string& column, const UserId& from,
                   const UserId& to) {
  return "UPDATE " + table + " SET " + column + " = '" + to + "' WHERE " + column + " = '" + from +
         "';";
}

TEST_P(StoreContract, Migration8FoldsUserIdsInTheFormOfAUuid) {
  const Uuid room = Room({"ann", "u1", "u2", "Bob-F81D4FAE"});
  ASSERT_TRUE(Insert(Named(room, "u1", "c-1", "one")));
  ASSERT_TRUE(Insert(Named(room, "u2", "c-1", "two")));
  ASSERT_TRUE(Insert(Named(room, "u2", "c-2", "three")));
  ASSERT_TRUE(Mark(room, "u2", 2));
  NewConversation pair = Wanted({"ann", "u1"}, ConversationType::kDirect);
  ASSERT_TRUE(Create(pair));
  Execute(Rename("messaging_conversation_participant", "user_id", "u1", kUpper) +
          Rename("messaging_conversation_participant", "user_id", "u2", kMixed) +
          Rename("messaging_message", "sender_id", "u1", kUpper) +
          Rename("messaging_message", "sender_id", "u2", kMixed) +
          Rename("messaging_conversation", "direct_key", "ann|u1", kUpper + "|ann") + Meta(7));

  const auto view = View(room, "ann");
  std::vector<UserId> users;
  for (const Member& member : view->conversation.members) users.push_back(member.user);
  EXPECT_THAT(users, UnorderedElementsAre("ann", kLower, "Bob-F81D4FAE"));
  EXPECT_EQ(view->conversation.participant_count, 3);
  EXPECT_EQ(View(room, kLower)->unread_count, 0)
      << "both spellings are one user: one read mark, and all messages are own ones";
  // Messages under both spellings are found by their client_ids; the first spelling's come first.
  EXPECT_TRUE(Insert(Named(room, kLower, "c-1", "one"))->duplicate);
  EXPECT_TRUE(Insert(Named(room, kLower, "c-2", "three"))->duplicate);
  const auto page = History({.conversation_id = room, .reader = "ann"});
  for (const Message& message : page->messages) {
    EXPECT_EQ(message.sender_id, kLower);
  }
  const auto again = Create(Wanted({"ann", kLower}, ConversationType::kDirect));
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->conversation.id, pair.id);
}

TEST_P(StoreContract, Migration8KeepsTheKeyOfOneDirectConversationPerPair) {
  const NewConversation first = Wanted({"ann", "u1"}, ConversationType::kDirect);
  const NewConversation second = Wanted({"ann", "u2"}, ConversationType::kDirect);
  const NewConversation own = Wanted({"u1", "u2"}, ConversationType::kDirect);
  for (const NewConversation& wanted : {first, second, own}) ASSERT_TRUE(Create(wanted));
  Execute(Rename("messaging_conversation_participant", "user_id", "u1", kUpper) +
          Rename("messaging_conversation_participant", "user_id", "u2", kMixed) + Meta(7));
  const auto again = Create(Wanted({"ann", kLower}, ConversationType::kDirect));
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->conversation.id, first.id);
  EXPECT_TRUE(View(second.id, kLower)) << "the other conversation stays readable";
  EXPECT_EQ(View(own.id, kLower)->conversation.participant_count, 1);
}

// A user id may contain a bar: two pairs must not share a key.
TEST_P(StoreContract, DirectConversationsOfUserIdsWithABarAreSeparate) {
  const auto one = Create(Wanted({"a|b", "c"}, ConversationType::kDirect));
  const auto other = Create(Wanted({"a", "b|c"}, ConversationType::kDirect));
  EXPECT_TRUE(other->created);
  EXPECT_NE(one->conversation.id, other->conversation.id);
}

// Keys of version 0.1.0 have a bar, those of other stores a space.
TEST_P(StoreContract, ADirectConversationIsFoundByEachSpellingOfItsKey) {
  const auto pair = Create(Wanted({"u1", "ann"}, ConversationType::kDirect));
  Execute(Rename("messaging_conversation", "direct_key", "ann|u1", "ann u1"));
  const auto again = Create(Wanted({"ann", "u1"}, ConversationType::kDirect));
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->conversation.id, pair->conversation.id);
}

TEST_P(StoreContract, Migration8RepairsInvalidUtf8) {
  if (GetParam().name != "Sqlite") GTEST_SKIP() << "PostgreSQL holds UTF-8 only.";
  const Uuid room = Room({"ann"});
  for (const char* id : {"c-1", "c-2", "c-3"}) ASSERT_TRUE(Insert(Named(room, "ann", id, id)));
  const Uuid file = Upload("ann");
  Execute(
      "UPDATE messaging_message SET client_id = CAST(x'61fffe' AS TEXT) WHERE client_id = 'c-1';"
      "UPDATE messaging_message SET client_id = CAST(x'61fdfc' AS TEXT) WHERE client_id = 'c-2';"
      "UPDATE messaging_message SET content = CAST(x'620063' AS TEXT), metadata = "
      "CAST(x'7b2261223a22ff227d' AS TEXT) WHERE client_id = 'c-3';"
      "UPDATE messaging_conversation SET title = CAST(x'74ff' AS TEXT);"
      "UPDATE messaging_attachment SET file_name = CAST(x'66ff' AS TEXT), client_id = "
      "CAST(x'ff' AS TEXT);" +
      Meta(7));
  const auto messages =
      History({.conversation_id = room, .reader = "ann", .after_seq = 0})->messages;
  EXPECT_EQ(messages.at(0).client_id, "a\ufffd\ufffd");
  EXPECT_EQ(messages.at(1).client_id, std::nullopt) << "the first row has that client_id already";
  EXPECT_EQ(messages.at(2).client_id, "c-3");
  EXPECT_EQ(messages.at(2).content, "b\ufffdc");
  EXPECT_EQ(messages.at(2).metadata, "{\"a\":\"\ufffd\"}");
  EXPECT_EQ(View(room, "ann")->conversation.title, "t\ufffd");
  EXPECT_EQ(FindFile(file, "ann")->attachment.filename, "f\ufffd");
}

}  // namespace
}  // namespace parley::test

// Conversations: creation, membership, and lists.
#include <algorithm>
#include <chrono>
#include <thread>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

// --- creation

TEST_P(StoreContract, ANewConversationHasSeqZeroAndTheRequestedFields) {
  NewConversation wanted = Wanted({"ann", "bob", "cho"});
  wanted.title = "Caf\xC3\xA9";
  wanted.metadata = R"({"task":7})";
  const auto created = Create(wanted);
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->created);
  for (const Conversation& seen : {created->conversation, View(wanted.id, "bob")->conversation}) {
    EXPECT_EQ(seen.id, wanted.id);
    EXPECT_EQ(seen.type, ConversationType::kGroup);
    EXPECT_EQ(seen.title, "Caf\xC3\xA9");
    EXPECT_EQ(seen.metadata, wanted.metadata);
    EXPECT_EQ(seen.seq, 0);
    EXPECT_EQ(seen.participant_count, 3);
    EXPECT_EQ(seen.created_at, clock_.Now());
    EXPECT_FALSE(seen.last_message_at);
    ASSERT_EQ(seen.members.size(), 3u);
    EXPECT_EQ(seen.members[0].user, "ann");
    EXPECT_EQ(seen.members[0].role, Role::kOwner);
    EXPECT_EQ(seen.members[1].user, "bob");
    EXPECT_EQ(seen.members[1].role, Role::kMember);
    EXPECT_EQ(seen.members[2].user, "cho");
    EXPECT_EQ(seen.members[2].last_read_seq, 0);
  }
  EXPECT_EQ(Head(wanted.id)->seq, 0);
}

TEST_P(StoreContract, ATaskConversationKeepsItsTypeAndNeedsNoTitle) {
  const auto created = Create(Wanted({"ann"}, ConversationType::kTask));
  EXPECT_EQ(View(created->conversation.id, "ann")->conversation.type, ConversationType::kTask);
  EXPECT_FALSE(created->conversation.title);
}

TEST_P(StoreContract, AServiceTakesOverATaskFromAnotherCreator) {
  const auto open = [&](std::vector<UserId> users, bool by_service) {
    NewConversation wanted = Wanted(std::move(users), ConversationType::kTask);
    wanted.task_id = "task-7";
    wanted.by_service = by_service;
    const auto created = Create(std::move(wanted));
    EXPECT_TRUE(created);
    return std::pair(created->conversation.id, created->created);
  };
  const auto [squatted, first] = open({"eve", "ann"}, false);
  EXPECT_TRUE(first);
  EXPECT_EQ(open({"ann", "bob"}, false), std::pair(squatted, false))
      << "a user cannot take it over";
  const auto [ours, second] = open({"ann", "bob"}, true);
  EXPECT_TRUE(second);
  EXPECT_NE(ours, squatted);
  EXPECT_EQ(open({"ann", "bob"}, true), std::pair(ours, false));
  EXPECT_EQ(open({"ann", "cho"}, true), std::pair(ours, false))
      << "a service created this conversation";
  EXPECT_TRUE(View(squatted, "eve")) << "it still exists, without a task";
}

TEST_P(StoreContract, AServiceFindsTheTaskConversationOfItsTwoUsers) {
  NewConversation wanted = Wanted({"ann", "bob"}, ConversationType::kTask);
  wanted.task_id = "task-8";
  const auto theirs = Create(wanted);
  wanted.id = NewId();
  wanted.by_service = true;
  EXPECT_EQ(Create(wanted)->conversation.id, theirs->conversation.id);
}

TEST_P(StoreContract, TheFirstHundredMembersAreListedInTheRequestedOrder) {
  std::vector<UserId> users;
  for (int i = 0; i < 150; ++i) users.push_back("user-" + std::to_string(1000 - i));
  const Uuid room = Room(users);
  const auto view = View(room, users[149]);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->conversation.participant_count, 150);
  ASSERT_EQ(view->conversation.members.size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(view->conversation.members[i].user, users[i]);
}

TEST_P(StoreContract, ADirectConversationExistsOncePerPair) {
  const auto first = Create(Wanted({"ann", "bob"}, ConversationType::kDirect));
  ASSERT_TRUE(first->created);
  ASSERT_TRUE(Insert(Text(first->conversation.id, "bob")));
  for (const std::vector<UserId>& pair : {std::vector<UserId>{"ann", "bob"}, {"bob", "ann"}}) {
    const auto again = Create(Wanted(pair, ConversationType::kDirect));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->created);
    EXPECT_EQ(again->conversation.id, first->conversation.id);
    EXPECT_EQ(again->conversation.seq, 1);
    EXPECT_EQ(again->conversation.members.size(), 2u);
  }
  EXPECT_TRUE(Create(Wanted({"ann", "cho"}, ConversationType::kDirect))->created);
  EXPECT_EQ(List("ann")->conversations.size(), 2u);
  Reopen();
  EXPECT_FALSE(Create(Wanted({"bob", "ann"}, ConversationType::kDirect))->created);
}

TEST_P(StoreContract, TwoUsersCanHaveSeveralGroups) {
  EXPECT_NE(Room({"ann", "bob"}), Room({"ann", "bob"}));
}

TEST_P(StoreContract, ADirectConversationCreatedConcurrentlyExistsOnce) {
  constexpr size_t kThreads = 4, kPairs = 20;
  std::vector<std::vector<NewConversation>> wanted(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    for (size_t i = 0; i < kPairs; ++i) {
      std::vector<UserId> pair = {"ann", "user-" + std::to_string(i)};
      if (t % 2 == 1) std::swap(pair[0], pair[1]);
      wanted[t].push_back(Wanted(pair, ConversationType::kDirect));
    }
  }
  std::vector<std::vector<CreatedConversation>> created(kThreads);
  std::vector<WaitingExecutor> executors(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (const NewConversation& one : wanted[t]) {
        store_->CreateConversation(one, executors[t], [&, t](Result<CreatedConversation> given) {
          created[t].push_back(*given);
        });
      }
      executors[t].RunUntil([&] { return created[t].size() == kPairs; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kPairs; ++i) {
    int new_ones = 0;
    for (const auto& of_thread : created) {
      ASSERT_EQ(of_thread.size(), kPairs);
      new_ones += of_thread[i].created ? 1 : 0;
      EXPECT_EQ(of_thread[i].conversation.id, created[0][i].conversation.id);
    }
    EXPECT_EQ(new_ones, 1);
  }
  EXPECT_EQ(List("ann")->conversations.size(), kPairs);
}

// Proves: 100,000 participants
TEST_P(StoreContract, ALargeConversationIsCreatedInFewStatements) {
  if (!GetParam().shared) GTEST_SKIP() << "a statement costs no round trip there";
  std::vector<UserId> users;
  for (int i = 0; i < 12'000; ++i) users.push_back("user-" + std::to_string(i));
  const uint64_t before = store_->Stats().statements;
  const Uuid room = Room(users);
  EXPECT_LT(store_->Stats().statements - before, 60u);
  EXPECT_EQ(Head(room)->participant_count, 12'000);
  EXPECT_TRUE(*IsParticipant(room, users.back()));
  const auto view = View(room, users.back());
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(view->conversation.members[i].user, users[i]);
  EXPECT_EQ(view->conversation.members[0].role, Role::kOwner);
  EXPECT_EQ(view->conversation.members[1].role, Role::kMember);
}

// Proves: 100,000 participants
TEST_P(StoreContract, SendsDoNotWaitForTheCreationOfALargeConversation) {
  if (!GetParam().shared) GTEST_SKIP() << "one connection writes there";
  const Uuid room = Room({"ann"});
  std::vector<UserId> users;
  for (int i = 0; i < 50'000; ++i) users.push_back("user-" + std::to_string(i));
  std::vector<std::string> answers;
  store_->CreateConversation(Wanted(std::move(users)), on_, [&](Result<CreatedConversation> made) {
    EXPECT_TRUE(made);
    answers.push_back("created");
  });
  for (int i = 0; i < 3; ++i) {
    store_->InsertMessage(Text(room, "ann"), on_, [&](Result<StoredMessage> stored) {
      EXPECT_TRUE(stored);
      answers.push_back("stored");
    });
    ASSERT_TRUE(on_.RunUntil([&] { return answers.size() == static_cast<size_t>(i) + 1; }));
  }
  EXPECT_EQ(answers, std::vector<std::string>(3, "stored"));
  ASSERT_TRUE(on_.RunUntil([&] { return answers.size() == 4; }));
}

// --- membership

TEST_P(StoreContract, UnknownIdsAreNotFound) {
  const Uuid nowhere = NewId();
  EXPECT_EQ(CodeOf(Head(nowhere)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(View(nowhere, "ann")), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(View(nowhere, "ann", true)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(History({.conversation_id = nowhere, .reader = "ann"})), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Read(nowhere, "ann")), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Read(nowhere, "ann", true)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Changes(nowhere, 0)), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Unread("ann", nowhere)), ErrorCode::not_found);
  EXPECT_FALSE(*IsParticipant(nowhere, "ann"));
  EXPECT_TRUE(List("ann")->conversations.empty());
  EXPECT_FALSE(List("ann")->has_more);
  EXPECT_EQ(*Unread("ann"), 0);
  EXPECT_TRUE(UserHeads("ann")->heads.empty());
}

// Proves: visibility
TEST_P(StoreContract, AConversationIsNotFoundByNonMembers) {
  const Uuid room = Room({"ann"});
  const Uuid message = Insert(Text(room, "ann"))->message.id;
  EXPECT_EQ(CodeOf(View(room, "eve")), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(History({.conversation_id = room, .reader = "eve"})), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Read(message, "eve")), ErrorCode::not_found);
  EXPECT_EQ(CodeOf(Unread("eve", room)), ErrorCode::not_found);
  EXPECT_TRUE(List("eve")->conversations.empty());
  EXPECT_FALSE(*IsParticipant(room, "eve"));
  EXPECT_FALSE(*IsParticipant(room, "ANN")) << "user ids are case-sensitive";
  EXPECT_TRUE(*IsParticipant(room, "ann"));
}

TEST_P(StoreContract, AServiceSeesConversationsWithoutMembership) {
  const Uuid room = Room({"ann"});
  const Uuid message = Insert(Text(room, "ann"))->message.id;
  EXPECT_EQ(View(room, "backend", true)->last_message->id, message);
  EXPECT_EQ(View(room, "backend", true)->unread_count, 0);
  EXPECT_EQ(Read(message, "backend", true)->id, message);
  EXPECT_EQ(
      History({.conversation_id = room, .reader = "backend", .as_service = true})->messages.size(),
      1u);
}

TEST_P(StoreContract, AHeadListsParticipantsUpToTheLimit) {
  const Uuid room = Room({"ann", "bob", "cho"});
  const auto all = Head(room, 3);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->participants, (std::vector<UserId>{"ann", "bob", "cho"}));
  const auto none = Head(room, 2);
  EXPECT_TRUE(none->participants.empty());
  EXPECT_EQ(none->participant_count, 3);
  EXPECT_EQ(none->type, ConversationType::kGroup);
}

// --- lists

TEST_P(StoreContract, ConversationsAreListedByNewestActivityFirst) {
  const Uuid a = Room({"ann"}), b = Room({"ann"}), c = Room({"ann"});
  EXPECT_EQ(IdsOf(*List("ann")), (std::vector<Uuid>{c, b, a}));
  const auto stored = Insert(Text(a, "ann"));
  EXPECT_EQ(IdsOf(*List("ann")), (std::vector<Uuid>{a, c, b}));
  EXPECT_EQ(List("ann")->conversations[0].conversation.last_message_at, stored->message.sent_at);
  EXPECT_EQ(List("ann")->conversations[0].last_message->id, stored->message.id);
  EXPECT_FALSE(List("ann")->conversations[1].last_message);
  const Uuid d = Room({"ann"});
  EXPECT_EQ(IdsOf(*List("ann")), (std::vector<Uuid>{d, a, c, b}));
}

TEST_P(StoreContract, PagesOfConversationsAreCompleteWithoutRepetition) {
  std::vector<Uuid> all;
  for (int i = 0; i < 25; ++i) all.push_back(Room({"ann"}));
  for (size_t i = 0; i < 25; i += 3) ASSERT_TRUE(Insert(Text(all[i], "ann")));
  Room({"bob"});
  const std::vector<Uuid> expected = IdsOf(*List("ann"));
  ASSERT_EQ(expected.size(), 25u);
  for (const int limit : {1, 4, 5, 24, 25, 26}) {
    std::vector<Uuid> seen;
    std::optional<ConversationCursor> after;
    while (true) {
      const auto page = List("ann", limit, after);
      ASSERT_TRUE(page);
      ASSERT_LE(page->conversations.size(), static_cast<size_t>(limit));
      for (const Uuid& id : IdsOf(*page)) seen.push_back(id);
      if (!page->has_more) break;
      ASSERT_EQ(page->conversations.size(), static_cast<size_t>(limit));
      const Conversation& last = page->conversations.back().conversation;
      after = {.activity = last.last_message_at.value_or(last.created_at), .id = last.id};
    }
    EXPECT_EQ(seen, expected) << "limit " << limit;
  }
}

TEST_P(StoreContract, ConversationsWithEqualActivityArePagedById) {
  std::vector<Uuid> all;
  for (int i = 0; i < 6; ++i) all.push_back(Room({"ann"}));
  Execute(
      "UPDATE messaging_conversation SET created_at = "
      "(SELECT min(created_at) FROM messaging_conversation)");
  std::ranges::sort(all, std::greater());
  const auto page = List("ann", 3);
  const Conversation& last = page->conversations.back().conversation;
  const auto rest = List("ann", 3, ConversationCursor{last.created_at, last.id});
  std::vector<Uuid> seen = IdsOf(*page);
  for (const Uuid& id : IdsOf(*rest)) seen.push_back(id);
  EXPECT_EQ(seen, all);
  EXPECT_FALSE(rest->has_more);
}

// --- a user's heads

TEST_P(StoreContract, AUsersHeadsAreAllConversationsByNewestActivityFirst) {
  const Uuid a = Room({"ann", "bob"}), b = Room({"ann"});
  Room({"bob"});
  InsertMany(a, "bob", 3);
  const auto heads = UserHeads("ann");
  ASSERT_EQ(heads->heads.size(), 2u);
  EXPECT_EQ(heads->heads[0].conversation_id, a);
  EXPECT_EQ(heads->heads[0].seq, 3);
  EXPECT_EQ(heads->heads[1].conversation_id, b);
  EXPECT_EQ(heads->heads[1].seq, 0);
}

// A horizon would be a search of all conversations for each user socket.
TEST_P(StoreContract, UserHeadsOfTheEmbeddedStoreNeedNoHorizon) {
  if (GetParam().shared) GTEST_SKIP() << "its horizon comes from a snapshot";
  const Uuid a = Room({"ann"});
  const int64_t cursor = UserHeads("ann")->cursor;
  Execute("DROP VIEW parley_change_horizon");
  EXPECT_EQ(UserHeads("ann")->cursor, cursor) << "it survives a restart";
  EXPECT_TRUE(UserHeads("ann", cursor)->heads.empty());
  ASSERT_TRUE(Insert(Text(a, "ann")));
  EXPECT_GT(UserHeads("ann")->cursor, cursor);
  EXPECT_EQ(UserHeads("ann", cursor)->heads.size(), 1u);
}

// Proves: ?cursor=
TEST_P(StoreContract, UserHeadsAfterACursorAreThoseThatChangedSince) {
  // A cursor does not pass transactions that are still open, such as upkeep or autovacuum; commits after
  // their start are then listed again.
  const auto beyond_all = [&](int64_t from) {
    for (int i = 0; i < 1000; ++i) {
      const auto heads = UserHeads("ann", from);
      if (heads->heads.empty()) return from;
      EXPECT_TRUE(GetParam().shared) << "no other transaction is open";
      from = heads->cursor;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "the change is listed forever";
    return from;
  };
  const Uuid a = Room({"ann", "bob"}), b = Room({"ann", "bob"});
  int64_t cursor = beyond_all(UserHeads("ann")->cursor);
  EXPECT_GE(UserHeads("ann", cursor)->cursor, cursor) << "it never goes back";

  ASSERT_TRUE(Insert(Text(b, "bob")));
  auto heads = UserHeads("ann", cursor);
  ASSERT_EQ(heads->heads.size(), 1u);
  EXPECT_EQ(heads->heads[0].conversation_id, b);
  EXPECT_EQ(heads->heads[0].seq, 1);
  const int64_t next = beyond_all(heads->cursor);
  EXPECT_GT(next, cursor);

  cursor = next;
  ASSERT_TRUE(Insert(Text(a, "ann")));
  const Uuid c = Room({"cho", "ann"});
  heads = UserHeads("ann", cursor);
  ASSERT_EQ(heads->heads.size(), 2u);
  EXPECT_EQ(heads->heads[0].conversation_id, c);
  EXPECT_EQ(heads->heads[1].conversation_id, a);
  beyond_all(heads->cursor);
}

// Proves: ?cursor=
TEST_P(StoreContract, ACursorOfAnotherStoreReturnsAllHeads) {
  Room({"ann", "bob"});
  Room({"ann", "cho"});
  const int64_t cursor = UserHeads("ann")->cursor;
  const auto heads = UserHeads("ann", cursor + 1'000'000'000'000);
  EXPECT_EQ(heads->heads.size(), 2u);
  EXPECT_LT(heads->cursor, cursor + 1'000'000'000'000) << "the new cursor is of this store";
}

}  // namespace
}  // namespace parley::test

// Storing messages: seqs, permissions, replies, and retries.
#include <algorithm>
#include <set>
#include <thread>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

constexpr int kThreads = 4;

// --- seq

// Proves: store_pool_waits_total, store_read_queue, store_reads_refused_total, store_reads_expired_total, store_statements_total, store_round_trips_total
TEST_P(StoreContract, ABatchOfMessagesTakesTwoRoundTripsForAnySize) {
  if (!GetParam().shared) GTEST_SKIP() << "there is no network";
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 10);  // prepares the statements
  const StoreStats before = store_->Stats();
  InsertMany(room, "ann", 400);
  const StoreStats after = store_->Stats();
  const uint64_t commits = after.commits - before.commits;
  EXPECT_LT(commits, 100u);
  // Upkeep may run once in between.
  EXPECT_LE(after.round_trips - before.round_trips, 2 * commits + 12);
  EXPECT_GE(after.round_trips - before.round_trips, 2 * commits);
  EXPECT_LE(after.statements - before.statements, 10 * commits + 24) << "one for all messages";
}

TEST_P(StoreContract, AReadTakesNoRoundTripForItsTransaction) {
  if (!GetParam().shared) GTEST_SKIP() << "there is no network";
  const Uuid room = Room({"ann"});
  const auto message = Insert(Text(room, "ann"));
  ASSERT_TRUE(message);
  // Upkeep may run during some of them.
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 50; ++i) {
    const uint64_t before = store_->Stats().round_trips;
    ASSERT_TRUE(Read(message->message.id, "ann"));
    least = std::min(least, store_->Stats().round_trips - before);
  }
  EXPECT_EQ(least, 2u) << "the message, and whether the reader is a participant";
}

// Sent together, so that most are stored by statements over several messages.
TEST_P(StoreContract, EachMessageOfABatchIsStoredWithItsOwnValues) {
  const Uuid rooms[] = {Room({"ann", "bob"}), Room({"ann", "bob"})};
  const auto hash_of = [](uint8_t byte) { return RequestHash{byte}; };
  NewMessage old = Text(rooms[0], "ann", "stored before");
  old.client_id = "old";
  old.request_hash = hash_of(1);
  ASSERT_TRUE(Insert(old));
  const std::string contents[] = {"plain", "{\"a\",NULL}", "it's \\ 'quoted'", "two\nlines",
                                  "\u00e9\u4e16"};
  std::vector<NewMessage> sends;
  for (int i = 0; i < 40; ++i) {
    NewMessage& send = sends.emplace_back(Text(rooms[i % 2], i % 3 == 0 ? "bob" : "ann"));
    send.content = contents[i % 5] + std::to_string(i);
    if (i % 4 == 0) send.metadata = R"({"n":)" + std::to_string(i) + "}";
    if (i % 4 < 2) send.client_id = "c" + std::to_string(i);
    send.request_hash = hash_of(static_cast<uint8_t>(i));
  }
  NewMessage repeat = old, reuse = old, stranger = Text(rooms[1], "eve"), again = sends[4];
  repeat.id = Text(rooms[0], "ann").id;
  reuse.id = Text(rooms[0], "ann").id;
  reuse.request_hash = hash_of(2);
  again.id = Text(rooms[0], "ann").id;
  sends.insert(sends.end(), {repeat, reuse, stranger, again});
  std::vector<Result<StoredMessage>> given(sends.size(), Fail(ErrorCode::internal, ""));
  size_t answers = 0;
  for (size_t i = 0; i < sends.size(); ++i) {
    store_->InsertMessage(sends[i], on_, [&, i](Result<StoredMessage> answer) {
      given[i] = std::move(answer);
      ++answers;
    });
  }
  ASSERT_TRUE(on_.RunUntil([&] { return answers == sends.size(); }));
  for (size_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(given[i]) << i;
    EXPECT_FALSE(given[i]->duplicate) << i;
    const auto stored = Read(sends[i].id, "ann");
    ASSERT_TRUE(stored) << i;
    EXPECT_EQ(stored->content, sends[i].content);
    EXPECT_EQ(stored->metadata, sends[i].metadata);
    EXPECT_EQ(stored->sender_id, sends[i].sender_id);
    EXPECT_EQ(stored->client_id, sends[i].client_id);
    EXPECT_EQ(stored->conversation_id, sends[i].conversation_id);
    EXPECT_EQ(stored->seq, given[i]->message.seq);
    EXPECT_EQ(stored->sent_at, given[i]->message.sent_at);
  }
  EXPECT_TRUE(given[40] && given[40]->duplicate && given[40]->message.id == old.id);
  EXPECT_EQ(given[41].error().code, ErrorCode::client_id_reused);
  EXPECT_EQ(given[42].error().code, ErrorCode::not_participant);
  EXPECT_TRUE(given[43] && given[43]->duplicate && given[43]->message.id == sends[4].id);
  EXPECT_EQ(Head(rooms[0])->seq, 21);
  EXPECT_EQ(StoredSeqs(rooms[1]), OneTo(20));
}

TEST_P(StoreContract, SeqsAreDenseFromOneInEachConversation) {
  const Uuid first = Room({"ann", "bob"}), second = Room({"ann", "bob"});
  for (int64_t seq = 1; seq <= 5; ++seq) {
    EXPECT_EQ(Insert(Text(first, "ann"))->message.seq, seq);
    EXPECT_EQ(Insert(Text(second, "bob"))->message.seq, seq);
  }
  EXPECT_EQ(StoredSeqs(first), OneTo(5));
  EXPECT_EQ(Head(second)->seq, 5);
}

// Proves: P3 one order
TEST_P(StoreContract, SeqsAreDenseUnderConcurrentSenders) {
  constexpr int kEach = 200;
  const Uuid rooms[] = {Room({"ann", "bob"}), Room({"ann", "bob"})};
  std::vector<std::vector<StoredMessage>> stored(kThreads);
  std::vector<WaitingExecutor> executors(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      UuidGenerator ids(clock_);
      for (size_t i = 0; i < kEach; ++i) {
        NewMessage message{.id = ids.Next(),
                           .conversation_id = rooms[i % 2],
                           .sender_id = t % 2 == 0 ? "ann" : "bob",
                           .content = std::to_string(i)};
        store_->InsertMessage(std::move(message), executors[t],
                              [&, t](Result<StoredMessage> given) {
                                if (given) stored[t].push_back(std::move(*given));
                              });
      }
      size_t answers = 0;
      executors[t].RunUntil([&] { return (answers = stored[t].size()) == kEach; });
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (const Uuid& room : rooms) {
    std::vector<int64_t> given;
    for (const auto& of_thread : stored) {
      int64_t last = 0;
      for (const StoredMessage& one : of_thread) {
        if (one.message.conversation_id != room) continue;
        EXPECT_GT(one.message.seq, last) << "messages of one sender are reordered";
        last = one.message.seq;
        given.push_back(one.message.seq);
      }
    }
    std::ranges::sort(given);
    EXPECT_EQ(given, OneTo(kThreads * kEach / 2));
    EXPECT_EQ(StoredSeqs(room), given);
    EXPECT_EQ(Head(room)->seq, kThreads * kEach / 2);
  }
}

TEST_P(StoreContract, AStoredMessageIsReadBackInFull) {
  const Uuid room = Room({"ann", "bob"});
  const Uuid first = Insert(Text(room, "bob"))->message.id;
  NewMessage message = Named(room, "ann", "c-1", "caf\xC3\xA9 \xF0\x9F\x8E\x89 'quoted' \\ \n%s");
  message.content_type = "markdown";
  message.metadata = R"({"list":[1,2],"colour":"red"})";
  message.reply_to = first;
  const auto stored = Insert(message);
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->duplicate);
  for (const Message& seen : {stored->message, *Read(message.id, "bob")}) {
    EXPECT_EQ(seen.id, message.id);
    EXPECT_EQ(seen.conversation_id, room);
    EXPECT_EQ(seen.seq, 2);
    EXPECT_EQ(seen.sender_id, "ann");
    EXPECT_EQ(seen.content, message.content);
    EXPECT_EQ(seen.content_type, "markdown");
    EXPECT_EQ(seen.metadata, message.metadata);
    EXPECT_EQ(seen.reply_to, first);
    EXPECT_EQ(seen.client_id, "c-1");
    EXPECT_EQ(seen.sent_at, stored->message.sent_at);
    EXPECT_FALSE(seen.deleted_at || seen.edited_at || seen.delivered_at || seen.read_at);
  }
}

TEST_P(StoreContract, SentTimesIncreaseWhileTheClockStandsStill) {
  const Uuid room = Room({"ann"});
  const auto stored = InsertMany(room, "ann", 20);
  ASSERT_EQ(stored.size(), 20u);
  for (size_t i = 1; i < stored.size(); ++i) {
    EXPECT_LT(stored[i - 1].message.sent_at, stored[i].message.sent_at);
  }
}

// --- permissions

TEST_P(StoreContract, OnlyParticipantsSendAndARejectedSendLeavesNoHole) {
  const Uuid room = Room({"ann", "bob"});
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 1);
  EXPECT_EQ(CodeOf(Insert(Text(room, "eve"))), ErrorCode::not_participant);
  EXPECT_EQ(CodeOf(Insert(Named(room, "eve", "c-1"))), ErrorCode::not_participant);
  EXPECT_EQ(Insert(Text(room, "bob"))->message.seq, 2);
  EXPECT_EQ(StoredSeqs(room), OneTo(2));
}

// Proves: PostgreSQL: commit lanes of home shards, pipelined batches, row locks
TEST_P(StoreContract, ARejectedMessageInABatchDoesNotAffectTheOthers) {
  const Uuid room = Room({"ann"});
  std::vector<int64_t> seqs;
  int refused = 0;
  for (int i = 0; i < 90; ++i) {
    store_->InsertMessage(Text(room, i % 3 == 1 ? "eve" : "ann"), on_,
                          [&](Result<StoredMessage> given) {
                            given ? seqs.push_back(given->message.seq) : void(++refused);
                          });
  }
  ASSERT_TRUE(on_.RunUntil([&] { return seqs.size() + static_cast<size_t>(refused) == 90; }));
  EXPECT_EQ(refused, 30);
  EXPECT_EQ(seqs, OneTo(60));
}

TEST_P(StoreContract, AMissingConversationIsRejectedLikeAForeignOne) {
  EXPECT_EQ(CodeOf(Insert(Text(NewId(), "ann"))), ErrorCode::not_participant);
}

TEST_P(StoreContract, AServiceSendsWithoutMembershipButNotToAMissingConversation) {
  const Uuid room = Room({"ann"});
  NewMessage message = Text(room, "backend");
  message.as_service = true;
  EXPECT_EQ(Insert(message)->message.seq, 1);
  EXPECT_FALSE(*IsParticipant(room, "backend"));
  message = Text(NewId(), "backend");
  message.as_service = true;
  EXPECT_EQ(CodeOf(Insert(message)), ErrorCode::not_participant);
}

// --- replies

TEST_P(StoreContract, AReplyMustNameAMessageOfTheSameConversation) {
  const Uuid room = Room({"ann"}), other = Room({"ann"});
  const Uuid elsewhere = Insert(Text(other, "ann"))->message.id;
  for (const Uuid& wrong : {elsewhere, NewId(), Uuid{}}) {
    NewMessage reply = Text(room, "ann");
    reply.reply_to = wrong;
    const auto stored = Insert(reply);
    ASSERT_EQ(CodeOf(stored), ErrorCode::invalid_field);
    ASSERT_EQ(stored.error().fields.size(), 1u);
    EXPECT_EQ(stored.error().fields[0].first, "reply_to");
  }
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 1);
}

// --- retries

TEST_P(StoreContract, ARetryAnswersTheFirstMessageAndStoresNothing) {
  const Uuid room = Room({"ann", "bob"});
  const auto first = Insert(Named(room, "ann", "c-1"));
  ASSERT_TRUE(Insert(Text(room, "bob")));
  clock_.Advance(std::chrono::seconds(5));
  const auto again = Insert(Named(room, "ann", "c-1"));
  ASSERT_TRUE(first && again);
  EXPECT_FALSE(first->duplicate);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->message.id, first->message.id);
  EXPECT_EQ(again->message.seq, 1);
  EXPECT_EQ(again->message.sent_at, first->message.sent_at);
  EXPECT_EQ(again->message.content, first->message.content);
  EXPECT_EQ(StoredSeqs(room), OneTo(2));
  EXPECT_EQ(Head(room)->seq, 2);
}

TEST_P(StoreContract, ARetryDoesNotMoveTheConversationUpInTheList) {
  const Uuid older = Room({"ann"}), newer = Room({"ann"});
  ASSERT_TRUE(Insert(Named(older, "ann", "c-1")));
  ASSERT_TRUE(Insert(Text(newer, "ann")));
  const int64_t cursor = UserHeads("ann")->cursor;
  ASSERT_TRUE(Insert(Named(older, "ann", "c-1"))->duplicate);
  EXPECT_EQ(IdsOf(*List("ann")), (std::vector<Uuid>{newer, older}));
  EXPECT_TRUE(UserHeads("ann", cursor)->heads.empty());
}

TEST_P(StoreContract, RetriesInOneBatchAreFound) {
  const Uuid room = Room({"ann"});
  std::vector<StoredMessage> stored;
  for (int i = 0; i < 50; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      store_->InsertMessage(Named(room, "ann", "c-" + std::to_string(i)), on_,
                            [&](Result<StoredMessage> given) { stored.push_back(*given); });
    }
  }
  ASSERT_TRUE(on_.RunUntil([&] { return stored.size() == 100; }));
  for (size_t i = 0; i < 100; i += 2) {
    EXPECT_FALSE(stored[i].duplicate);
    EXPECT_TRUE(stored[i + 1].duplicate);
    EXPECT_EQ(stored[i].message.id, stored[i + 1].message.id);
    EXPECT_EQ(stored[i].message.seq, stored[i + 1].message.seq);
  }
  EXPECT_EQ(StoredSeqs(room), OneTo(50));
}

// Proves: P2 exactly-once effect
TEST_P(StoreContract, ConcurrentRetriesStoreOneMessage) {
  constexpr int kMessages = 50;
  const Uuid room = Room({"ann"});
  std::vector<std::vector<NewMessage>> wanted(kThreads);
  for (auto& of_thread : wanted) {
    for (int i = 0; i < kMessages; ++i) {
      of_thread.push_back(Named(room, "ann", "c-" + std::to_string(i)));
    }
  }
  std::vector<std::vector<StoredMessage>> stored(kThreads);
  std::vector<WaitingExecutor> executors(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (const NewMessage& message : wanted[t]) {
        store_->InsertMessage(message, executors[t],
                              [&, t](Result<StoredMessage> given) { stored[t].push_back(*given); });
      }
      executors[t].RunUntil([&] { return stored[t].size() == kMessages; });
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (size_t i = 0; i < kMessages; ++i) {
    int originals = 0;
    std::set<std::string> ids;
    std::set<int64_t> seqs;
    for (const auto& of_thread : stored) {
      ASSERT_EQ(of_thread.size(), size_t{kMessages});
      originals += of_thread[i].duplicate ? 0 : 1;
      ids.insert(of_thread[i].message.id.ToString());
      seqs.insert(of_thread[i].message.seq);
    }
    EXPECT_EQ(originals, 1);
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_EQ(seqs.size(), 1u);
  }
  EXPECT_EQ(StoredSeqs(room), OneTo(kMessages));
}

TEST_P(StoreContract, AClientIdOfADifferentRequestIsRejected) {
  const Uuid room = Room({"ann"});
  ASSERT_TRUE(Insert(Named(room, "ann", "c-1", "hello")));
  EXPECT_EQ(CodeOf(Insert(Named(room, "ann", "c-1", "goodbye"))), ErrorCode::client_id_reused);
  EXPECT_TRUE(Insert(Named(room, "ann", "c-1", "hello"))->duplicate);
  EXPECT_EQ(StoredSeqs(room), OneTo(1));
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 2);
}

TEST_P(StoreContract, AClientIdIsScopedToItsSenderAndConversation) {
  const Uuid room = Room({"ann", "bob"}), other = Room({"ann", "bob"});
  ASSERT_TRUE(Insert(Named(room, "ann", "c-1", "hello")));
  EXPECT_FALSE(Insert(Named(room, "bob", "c-1", "goodbye"))->duplicate);
  EXPECT_FALSE(Insert(Named(other, "ann", "c-1", "goodbye"))->duplicate);
  EXPECT_FALSE(Insert(Named(room, "ann", "C-1"))->duplicate) << "client ids are case-sensitive";
  EXPECT_EQ(StoredSeqs(room), OneTo(3));
}

TEST_P(StoreContract, MessagesWithoutAClientIdAreNeverRetries) {
  const Uuid room = Room({"ann"});
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 1);
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 2);
}

TEST_P(StoreContract, ARetryIsFoundAfterReopening) {
  const Uuid room = Room({"ann"});
  const auto first = Insert(Named(room, "ann", "c-1"));
  Reopen();
  const auto again = Insert(Named(room, "ann", "c-1"));
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->message.id, first->message.id);
  EXPECT_EQ(CodeOf(Insert(Named(room, "ann", "c-1", "other"))), ErrorCode::client_id_reused);
}

TEST_P(StoreContract, ADeletedMessageHidesItsClientIdAndItsRetryIsStillFound) {
  const Uuid room = Room({"ann"});
  const auto first = Insert(Named(room, "ann", "c-1"));
  ASSERT_TRUE(Apply(room, "ann", DeleteMessage{first->message.id}));
  const Message deleted = *Read(first->message.id, "ann");
  EXPECT_TRUE(deleted.deleted_at);
  EXPECT_EQ(deleted.client_id, std::nullopt);
  const auto again = Insert(Named(room, "ann", "c-1"));
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->message.id, first->message.id);
  EXPECT_EQ(again->message.seq, 1);
  EXPECT_EQ(again->message.client_id, "c-1") << "the ack has the client_id that the sender gave";
  EXPECT_EQ(CodeOf(Insert(Named(room, "ann", "c-1", "other"))), ErrorCode::client_id_reused);
}

}  // namespace
}  // namespace parley::test

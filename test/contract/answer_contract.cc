// How a store answers calls: on the caller's executor, never inside the call, in commit order, exactly
// once, and also when the store is closed.
#include <thread>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

TEST_P(StoreContract, ACallIsNeverAnsweredInsideTheCall) {
  const Uuid room = Room({"ann"});
  int answers = 0;
  const auto count = [&](auto&&) { ++answers; };
  store_->InsertMessage(Text(room, "ann"), on_, count);
  store_->CreateConversation(Wanted({"ann"}), on_, count);
  store_->LoadHead(room, 10, on_, count);
  store_->IsParticipant(room, "ann", on_, count);
  store_->ReadConversation(room, "ann", false, on_, count);
  store_->ListConversations("ann", 10, {}, on_, count);
  store_->CountUnread("ann", {}, on_, count);
  store_->ReadHistory({.conversation_id = room, .reader = "ann"}, on_, count);
  store_->ReadMessage(NewId(), "ann", false, on_, count);
  store_->ReadChanges(room, 0, 10, SIZE_MAX, on_, count);
  store_->ListUserHeads("ann", {}, on_, count);
  store_->Close();
  EXPECT_EQ(answers, 0) << "the executor has not run";
  on_.RunWaiting();
  EXPECT_EQ(answers, 11);
}

TEST_P(StoreContract, CallsAreAnsweredOnTheirCallersExecutorInCommitOrder) {
  constexpr size_t kExecutors = 3, kEach = 60;
  const Uuid room = Room({"ann"});
  std::vector<WaitingExecutor> executors(kExecutors);
  std::vector<std::vector<int64_t>> seqs(kExecutors);
  for (size_t i = 0; i < kExecutors * kEach; ++i) {
    const size_t e = i % kExecutors;
    store_->InsertMessage(Text(room, "ann"), executors[e], [&, e](Result<StoredMessage> given) {
      seqs[e].push_back(given->message.seq);
    });
  }
  std::vector<std::thread> threads;
  for (size_t e = 0; e < kExecutors; ++e) {
    threads.emplace_back(
        [&, e] { executors[e].RunUntil([&] { return seqs[e].size() == kEach; }); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t e = 0; e < kExecutors; ++e) {
    ASSERT_EQ(seqs[e].size(), kEach);
    for (size_t i = 0; i < kEach; ++i) {
      EXPECT_EQ(seqs[e][i], static_cast<int64_t>(i * kExecutors + e + 1));
    }
  }
}

TEST_P(StoreContract, AReadStartedInAnAnswerSeesTheAnsweredWrite) {
  const Uuid room = Room({"ann"});
  std::optional<int64_t> head;
  store_->InsertMessage(Text(room, "ann"), on_, [&](Result<StoredMessage>) {
    store_->LoadHead(room, 1, on_, [&](Result<ConversationHead> given) { head = given->seq; });
  });
  ASSERT_TRUE(on_.RunUntil([&] { return head.has_value(); }));
  EXPECT_EQ(*head, 1);
}

TEST_P(StoreContract, CloseAnswersAllQueuedCalls) {
  constexpr int kWrites = 1500;
  const Uuid room = Room({"ann"});
  int stored = 0, read = 0;
  for (int i = 0; i < kWrites; ++i) {
    store_->InsertMessage(Text(room, "ann"), on_,
                          [&](Result<StoredMessage> given) { stored += given ? 1 : 0; });
  }
  for (int i = 0; i < 50; ++i) {
    store_->LoadHead(room, 1, on_, [&](Result<ConversationHead> given) { read += given ? 1 : 0; });
  }
  store_->Close();
  on_.RunWaiting();
  EXPECT_EQ(stored, kWrites);
  EXPECT_EQ(read, 50);
  Reopen();
  EXPECT_EQ(StoredSeqs(room), OneTo(kWrites));
}

TEST_P(StoreContract, AfterCloseCallsAnswerStoreUnavailable) {
  const Uuid room = Room({"ann"});
  store_->Close();
  const size_t before = on_.posts();
  int inside = 0;
  store_->InsertMessage(Text(room, "ann"), on_, [&](Result<StoredMessage>) { ++inside; });
  EXPECT_EQ(inside, 0);
  EXPECT_EQ(on_.posts(), before + 1) << "rejected at once, by post";
  on_.RunWaiting();
  EXPECT_EQ(inside, 1);

  EXPECT_EQ(CodeOf(Insert(Text(room, "ann"))), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(Create(Wanted({"ann"}))), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(Head(room)), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(IsParticipant(room, "ann")), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(View(room, "ann")), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(List("ann")), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(Unread("ann")), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(History({.conversation_id = room, .reader = "ann"})),
            ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(Read(room, "ann")), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(Changes(room, 0)), ErrorCode::store_unavailable);
  EXPECT_EQ(CodeOf(UserHeads("ann")), ErrorCode::store_unavailable);
  store_->Close();  // the second call has no effect
  Reopen();
  EXPECT_EQ(Insert(Text(room, "ann"))->message.seq, 1) << "no rejected write was stored";
}

// Proves: P8 the store is the source of truth
TEST_P(StoreContract, StoreUnavailableIsRetryable) {
  store_->Close();
  EXPECT_TRUE(Head(NewId()).error().retry_after);
}

TEST_P(StoreContract, CallsDuringCloseAreAnsweredAndAckedWritesAreKept) {
  constexpr int kThreads = 3;
  const Uuid room = Room({"ann"});
  std::vector<WaitingExecutor> executors(kThreads);
  std::vector<int> asked(kThreads), answered(kThreads), stored(kThreads);
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      UuidGenerator ids(clock_);
      while (!stop) {
        ++asked[t];
        store_->InsertMessage(
            {.id = ids.Next(), .conversation_id = room, .sender_id = "ann", .content = "x"},
            executors[t], [&, t](Result<StoredMessage> given) {
              ++answered[t];
              stored[t] += given ? 1 : 0;
            });
        executors[t].RunWaiting();
        std::this_thread::yield();
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  store_->Close();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  int all_stored = 0;
  for (size_t t = 0; t < kThreads; ++t) {
    executors[t].RunWaiting();
    EXPECT_EQ(answered[t], asked[t]);
    all_stored += stored[t];
  }
  Reopen();
  EXPECT_EQ(StoredSeqs(room), OneTo(all_stored));
}

TEST_P(StoreContract, AHealthyStoreIsReadyAndCountsItsCommits) {
  EXPECT_TRUE(store_->Ready());
  const Uuid room = Room({"ann"});
  InsertMany(room, "ann", 20);
  const StoreStats stats = store_->Stats();
  EXPECT_EQ(stats.committed_writes, 21u);
  EXPECT_GE(stats.commits, 2u);
  EXPECT_LE(stats.commits, 21u);
  EXPECT_EQ(stats.queued_writes, 0u);
  EXPECT_EQ(stats.refused_writes, 0u);
}

}  // namespace
}  // namespace parley::test

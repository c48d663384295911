// The log without a home: each test feeds it events and reads, and looks at the step that it asks for.
#include "hub/conversation_log.h"

#include <gtest/gtest.h>

#include "protocol/events.h"
#include "test/support/rooms.h"

namespace parley {
namespace {

using Fetch = LogStep::Fetch;
using Seqs = std::vector<int64_t>;
using test::kRoom;

Change MakeChange(int64_t seq, const char* content = "text") {
  return {.seq = seq,
          .message = {.id = Uuid{{static_cast<uint8_t>(seq)}},
                      .conversation_id = kRoom,
                      .seq = seq,
                      .content = content}};
}
EventRef MakeEvent(int64_t seq, const char* content = "text") {
  return ChangeEvent(MakeChange(seq, content));
}
EventRef Removal(int64_t seq, const UserId& user) {
  return std::make_shared<const Event>(
      Event{.conversation = kRoom, .seq = seq, .except_user = user, .removal = Removal::kOneUser});
}
// A read of the store that has the seqs `from` to `to`, and the head `to`.
ChangesSince Stored(int64_t from, int64_t to, uint64_t epoch = 1, const char* content = "text") {
  ChangesSince read{.through = to, .head = to, .epoch = epoch};
  for (int64_t seq = from; seq <= to; ++seq) read.changes.push_back(MakeChange(seq, content));
  return read;
}
// Seqs that a step broadcasts; a rewind is its negative seq.
Seqs Sent(const LogStep& step) {
  Seqs seqs;
  for (const EventRef& event : step.broadcast) {
    seqs.push_back(event->rewind_to >= 0 ? -event->rewind_to : event->seq);
  }
  return seqs;
}

class ConversationLogTest : public testing::Test {
 protected:
  void SetUp() override { log_.Start({.seq = 10, .epoch = 1, .stamp = 7}); }
  LogStep Ingest(EventRef event) {
    LogStep step;
    log_.Ingest(std::move(event), step);
    return step;
  }
  LogStep Answer(const ConversationLog::Read& read, const ChangesSince& changes) {
    LogStep step;
    log_.OnRead(read, changes, step);
    return step;
  }
  LogStep HeadRead(int64_t seq, uint64_t epoch = 1, int64_t stamp = 0) {
    LogStep step;
    log_.OnHeadRead(log_.context(), {.seq = seq, .epoch = epoch, .stamp = stamp}, step);
    return step;
  }

  LogMemory memory_;
  ConversationLog log_{kRoom, memory_};
};

TEST_F(ConversationLogTest, TheNextEventIsBroadcastAndADuplicateIsDropped) {
  EXPECT_EQ(Sent(Ingest(MakeEvent(11))), Seqs{11});
  const LogStep again = Ingest(MakeEvent(11));
  EXPECT_EQ(Sent(again), Seqs{});
  EXPECT_EQ(again.fetch, Fetch::kNo);
  EXPECT_EQ(log_.head(), 11);
}

TEST_F(ConversationLogTest, AnEventBeyondAGapWaitsForTheMissingOnes) {
  const LogStep early = Ingest(MakeEvent(13));
  EXPECT_EQ(Sent(early), Seqs{});
  EXPECT_EQ(early.fetch, Fetch::kNow);
  EXPECT_EQ(log_.NextRead().since, 10);
  EXPECT_EQ(Sent(Ingest(MakeEvent(11))), Seqs{11});
  EXPECT_EQ(Sent(Ingest(MakeEvent(12))), (Seqs{12, 13})) << "the gap closed without the store";
  EXPECT_FALSE(log_.behind());
  EXPECT_EQ(memory_.early, 0u);
}

TEST_F(ConversationLogTest, AReadOfTheStoreFillsTheGap) {
  Ingest(MakeEvent(14));
  const LogStep filled = Answer(log_.NextRead(), Stored(11, 13));
  EXPECT_EQ(Sent(filled), (Seqs{11, 12, 13, 14}));
  EXPECT_EQ(filled.fetch, Fetch::kNo);
}

TEST_F(ConversationLogTest, SeqsThatTheStoreNoLongerHasArePassedOver) {
  Ingest(MakeEvent(14));
  ChangesSince read = Stored(13, 13);
  EXPECT_EQ(Sent(Answer(log_.NextRead(), read)), (Seqs{13, 14}));
}

TEST_F(ConversationLogTest, EventsThatTheStoreNeverHasAreDiscardedAfterSeveralReads) {
  Ingest(MakeEvent(14));
  int reads = 0;
  LogStep step;
  do {
    step = Answer(log_.NextRead(), Stored(11, 10));
    ++reads;
  } while (step.fetch == Fetch::kNow);
  EXPECT_EQ(reads, 4);
  EXPECT_TRUE(step.not_in_store);
  EXPECT_FALSE(log_.behind());
}

TEST_F(ConversationLogTest, AHeadOfTheStoreThatIsAheadRequiresARead) {
  EXPECT_EQ(HeadRead(10).fetch, Fetch::kNo);
  const LogStep step = HeadRead(12);
  EXPECT_EQ(step.fetch, Fetch::kNow);
  EXPECT_TRUE(step.found_in_store);
  EXPECT_EQ(Sent(Answer(log_.NextRead(), Stored(11, 12))), (Seqs{11, 12}));
}

TEST_F(ConversationLogTest, EventsBeforeTheHeadIsKnownWaitForIt) {
  log_.Forget();
  LogStep step;
  log_.AddEarly(MakeEvent(11), step);
  log_.Start({.seq = 10, .epoch = 1});
  log_.TakeEarly(true, step);
  EXPECT_EQ(Sent(step), Seqs{11});
}

TEST_F(ConversationLogTest, EarlyEventsOfOtherNodesAreReadFromTheStore) {
  log_.Forget();
  LogStep step;
  log_.AddEarly(MakeEvent(11), step);
  log_.Start({.seq = 10, .epoch = 1});
  log_.TakeEarly(false, step);
  EXPECT_EQ(Sent(step), Seqs{}) << "they may be from a history that the store has lost";
  EXPECT_EQ(step.fetch, Fetch::kNow);
}

TEST_F(ConversationLogTest, TheRemovalOfADroppedEventMustBeVerified) {
  Ingest(Removal(12, "bob"));
  const LogStep step = Answer(log_.NextRead(), Stored(11, 13));
  EXPECT_EQ(Sent(step), (Seqs{11, 12, 13}));
  EXPECT_EQ(step.broadcast[1]->removal, Removal::kOneUser) << "the event that names the user wins";
  EXPECT_EQ(Ingest(Removal(12, "bob")).unsure_removals, std::vector<UserId>{"bob"});
}

TEST_F(ConversationLogTest, TheNumberOfEarlyEventsIsBounded) {
  LogStep step;
  for (int64_t seq = 3000; seq > 12; --seq) log_.Ingest(MakeEvent(seq), step);
  EXPECT_LE(memory_.early, 1024 * CostOf(*MakeEvent(3000)));
  EXPECT_EQ(Sent(Answer(log_.NextRead(), Stored(11, 12))).back(), 12 + 1024);
  EXPECT_TRUE(log_.behind()) << "the dropped events are read later";
}

// --- a store that moved back

TEST_F(ConversationLogTest, AnotherEpochWithTheSameTransactionKeepsTheEvents) {
  const LogStep step = HeadRead(10, 2, 7);
  EXPECT_EQ(Sent(step), Seqs{-10}) << "readers beyond the head are set back";
  EXPECT_TRUE(step.new_epoch);
  EXPECT_EQ(step.rewound_from, 0);
  EXPECT_EQ(log_.epoch(), 2u);
}

TEST_F(ConversationLogTest, EventsThatTheStoreLostAreWithdrawnAndReplaced) {
  for (int64_t seq = 11; seq <= 14; ++seq) Ingest(MakeEvent(seq));
  LogStep step = HeadRead(12, 2);
  EXPECT_EQ(step.fetch, Fetch::kNow);
  EXPECT_TRUE(log_.verifying());
  EXPECT_EQ(Ingest(MakeEvent(15)).fetch, Fetch::kUnlessPlanned) << "events wait meanwhile";
  const ConversationLog::Read read = log_.NextRead();
  EXPECT_TRUE(read.verifies);
  ChangesSince stored = Stored(1, 12, 2);
  stored.changes.back() = MakeChange(12, "another");
  step = Answer(read, stored);
  EXPECT_EQ(Sent(step), (Seqs{-11, 12}));
  EXPECT_EQ(step.rewound_from, 14);
  EXPECT_EQ(log_.head(), 12);
  EXPECT_FALSE(log_.verifying());
}

TEST_F(ConversationLogTest, ALowerHeadThanBeforeTheReadContradicts) {
  Ingest(MakeEvent(11));
  EXPECT_FALSE(log_.Contradicts({.head = 10}, 1, 10)) << "11 was committed since";
  EXPECT_TRUE(log_.Contradicts(log_.context(), 1, 10));
}

TEST_F(ConversationLogTest, ACommitThatCannotFollowTheKnownHistoryIsVerified) {
  LogStep step;
  log_.CheckCommit(log_.context(), 1, 11, true, step);
  EXPECT_EQ(step.fetch, Fetch::kNo);
  log_.CheckCommit(log_.context(), 1, 9, true, step);
  EXPECT_EQ(step.fetch, Fetch::kNow);
}

// --- memory

TEST_F(ConversationLogTest, MemoryIsCountedAndReturned) {
  {
    LogMemory memory;
    ConversationLog log(kRoom, memory);
    log.Start({.seq = 0});
    LogStep step;
    for (int64_t seq = 1; seq <= 5; ++seq) log.Ingest(MakeEvent(seq), step);
    log.Ingest(MakeEvent(9), step);
    EXPECT_EQ(memory.tails, log.tail().bytes());
    EXPECT_GT(memory.early, 0u);
    log.Forget();
    EXPECT_EQ(memory.tails + memory.early, 0u);
  }
}

}  // namespace
}  // namespace parley

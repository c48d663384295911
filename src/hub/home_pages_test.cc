// Pages of catch-up, and the limits of memory.
#include "test/support/home_fixture.h"

namespace parley {
namespace {

using test::HomeTest;
using test::kRoom;
using test::Seqs;

// --- pages

TEST_F(HomeTest, PagesInTheTailAreServedWithoutTheStore) {
  store_.Put(kRoom, {"ann"});
  ASSERT_TRUE(Subscribe("ann"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Send(MakeMessage()));
  const auto reads = counters_.store_reads.value();
  const auto page = Read(1);
  ASSERT_TRUE(page);
  EXPECT_EQ(SeqsOf(**page), (Seqs{2, 3}));
  EXPECT_EQ((*page)->through, 3);
  EXPECT_EQ((*page)->head, 3);
  const auto nothing = Read(3);
  ASSERT_TRUE(nothing);
  EXPECT_TRUE((*nothing)->events.empty());
  EXPECT_EQ((*nothing)->through, 3);
  EXPECT_EQ(counters_.store_reads.value(), reads);
}

TEST_F(HomeTest, OlderPagesAreReadFromTheStoreOnceForAllReaders) {
  store_.Put(kRoom, {"ann"}, 5);
  ASSERT_TRUE(Subscribe("ann"));
  std::vector<PageRef> pages;
  for (int i = 0; i < 10; ++i) {
    home_.Read(kRoom, 2, [&](Result<PageRef> page) { pages.push_back(*page); });
  }
  EXPECT_EQ(store_.waiting(), 1u);
  Rest();
  ASSERT_EQ(pages.size(), 10u);
  EXPECT_EQ(SeqsOf(*pages[0]), (Seqs{3, 4, 5}));
  EXPECT_EQ(pages[0], pages[9]);
  EXPECT_EQ(counters_.store_reads.value(), 1u);
}

TEST_F(HomeTest, PagesAreBoundedAndStateTheirLastSeq) {
  store_.Put(kRoom, {"ann"}, 300);
  auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_LT((*page)->events.size(), 300u);
  EXPECT_EQ((*page)->through, (*page)->events.back()->seq);
  EXPECT_EQ((*page)->head, 300);
  int64_t since = 0;
  for (int pages = 0; since < 300 && pages < 50; ++pages) {
    page = Read(since);
    ASSERT_TRUE(page);
    EXPECT_EQ((*page)->events.front()->seq, since + 1);
    since = (*page)->through;
  }
  EXPECT_EQ(since, 300);
}

TEST_F(HomeTest, PagesAreBoundedInBytes) {
  store_.Put(kRoom, {"ann"}, 10, 30 * 1024);
  const auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_LE((*page)->events.size(), 4u);
  EXPECT_EQ((*page)->through, (*page)->events.back()->seq);
}

TEST_F(HomeTest, DeletedEventsAtTheEndOfAPageReachTheHead) {
  store_.Put(kRoom, {"ann"}, 5);
  for (const int64_t seq : {2, 4, 5}) store_.Drop(kRoom, seq);
  const auto page = Read(0);
  ASSERT_TRUE(page);
  EXPECT_EQ(SeqsOf(**page), (Seqs{1, 3}));
  EXPECT_EQ((*page)->through, 5);
  EXPECT_FALSE((*page)->reset);
}

TEST_F(HomeTest, OnlyPositionsBeyondTheHeadAreReset) {
  store_.Put(kRoom, {"ann"}, 5);
  for (const int64_t since : {int64_t{6}, int64_t{10}, kBeyondEveryHead}) {
    const auto page = Read(since);
    ASSERT_TRUE(page);
    EXPECT_TRUE((*page)->reset);
    EXPECT_EQ((*page)->head, 5);
    EXPECT_EQ((*page)->through, 5);
    EXPECT_TRUE((*page)->events.empty());
  }
  EXPECT_FALSE((*Read(5))->reset);
}

// A page's snapshot may be older than the head that home knows when it comes: what was committed
// between the two is neither in the page nor gone.
TEST_F(HomeTest, AnOldSnapshotDoesNotReportNewEventsAsDeleted) {
  store_.Put(kRoom, {"ann"}, 3);
  ASSERT_TRUE(Subscribe("ann"));
  PageRef page;
  home_.Read(kRoom, 0, [&](Result<PageRef> given) { page = *given; });
  store_.Happen();  // the snapshot
  StartSend(MakeMessage());
  store_.Happen();
  store_.AnswerAt(1);  // the commit is known first
  executor_.Run();
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(SeqsOf(*page), (Seqs{1, 2, 3}));
  EXPECT_EQ(page->through, 3);
  EXPECT_EQ(page->head, 4);
}

TEST_F(HomeTest, AFailedReadFailsForEveryWaitingReader) {
  store_.Put(kRoom, {"ann"}, 5);
  ASSERT_TRUE(Subscribe("ann"));
  store_.fail_next_changes = 1;
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    home_.Read(kRoom, 0, [&](Result<PageRef> page) {
      failed += !page && page.error().code == ErrorCode::store_unavailable;
    });
  }
  Rest();
  EXPECT_EQ(failed, 3);
  EXPECT_TRUE(Read(0));
  EXPECT_EQ(Read(0, Uuid{{0x99}}).error().code, ErrorCode::not_found);
}

// --- memory

class SmallHomeTest : public HomeTest {
 protected:
  Home small_{executor_,
              store_,
              *this,
              counters_,
              {.shards = 3, .live_participants = 3, .idle_conversations = 2, .tail_bytes = 2000}};
  void SubscribeTo(const Uuid& conversation) {
    small_.Subscribe(conversation, "ann", false, 0, [](Result<Subscription> a) { EXPECT_TRUE(a); });
    Rest();
  }
};

TEST_F(SmallHomeTest, OnlyConversationsWithoutSubscribersAreEvicted) {
  for (uint8_t i = 1; i <= 9; ++i) store_.Put(Uuid{{i}}, {"ann"}, i);
  SubscribeTo(Uuid{{1}});
  for (uint8_t i = 2; i <= 9; ++i) {
    SubscribeTo(Uuid{{i}});
    small_.Unsubscribe(Uuid{{i}}, 0);
  }
  // A cached conversation is answered without the store.
  small_.Subscribe(Uuid{{1}}, "ann", false, 0, [](Result<Subscription> a) { EXPECT_TRUE(a); });
  EXPECT_TRUE(store_.idle());
  small_.Subscribe(Uuid{{2}}, "ann", false, 0,
                   [](Result<Subscription> a) { EXPECT_EQ(a->head, 2); });
  EXPECT_FALSE(store_.idle());
  Rest();
}

// Proves: P6 bounded memory
TEST_F(SmallHomeTest, IdleConversationsWithSubscribersDoNotBlockEviction) {
  for (uint8_t i = 1; i <= 60; ++i) store_.Put(Uuid{{i}}, {"ann"});
  for (uint8_t i = 1; i <= 20; ++i) SubscribeTo(Uuid{{i}});
  for (uint8_t i = 21; i <= 60; ++i) {
    SubscribeTo(Uuid{{i}});
    small_.Unsubscribe(Uuid{{i}}, 0);
  }
  EXPECT_EQ(counters_.rooms.value(), 20 + 2);
  EXPECT_EQ(counters_.rooms_idle.value(), 2);
}

// Proves: P6 bounded memory
TEST_F(SmallHomeTest, TailsOfConversationsInUseAreBoundedTogether) {
  for (uint8_t i = 1; i <= 60; ++i) {
    store_.Put(Uuid{{i}}, {"ann"});
    SubscribeTo(Uuid{{i}});
  }
  for (uint8_t i = 1; i <= 60; ++i) {
    NewMessage message = MakeMessage();
    message.conversation_id = Uuid{{i}};
    small_.Send(std::move(message), [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
    Rest();
    EXPECT_LE(counters_.tail_bytes.value(), 2000);
  }
  EXPECT_GT(counters_.tail_bytes.value(), 0);
}

TEST_F(SmallHomeTest, TailsBeyondTheTotalLimitAreEvictedWithoutLoss) {
  for (uint8_t i = 1; i <= 9; ++i) {
    store_.Put(Uuid{{i}}, {"ann"});
    SubscribeTo(Uuid{{i}});
    for (int n = 0; n < 3; ++n) {
      NewMessage message = MakeMessage();
      message.conversation_id = Uuid{{i}};
      small_.Send(std::move(message), [](Result<StoredMessage> stored) { EXPECT_TRUE(stored); });
      Rest();
    }
  }
  const auto reads = counters_.store_reads.value();
  PageRef page;
  small_.Read(Uuid{{1}}, 0, [&](Result<PageRef> given) { page = *given; });
  Rest();
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(SeqsOf(*page), (Seqs{1, 2, 3}));
  EXPECT_EQ(counters_.store_reads.value(), reads + 1);
}

}  // namespace
}  // namespace parley

// Tests each transition of the diagram in feed.h; the property test combines them.
#include "hub/feed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace parley {
namespace {

using State = Feed::State;

EventRef EventAt(int64_t seq) {
  return std::make_shared<const Event>(Event{.seq = seq, .json = "e"});
}

Page MakePage(int64_t since, std::vector<int64_t> seqs, int64_t through, int64_t head) {
  Page page{.since = since, .events = {}, .through = through, .head = head};
  for (const int64_t seq : seqs) page.events.push_back(EventAt(seq));
  return page;
}

// Records the feed's calls: "3" is an event, "fetch 3", "gap 1-2", …
class FeedTest : public testing::Test, protected FeedSink {
 protected:
  SendStatus SendEvent(const Event& event) override {
    if (room_ == 0) return SendStatus::kFull;
    --room_;
    said_.push_back(std::to_string(event.seq));
    return SendStatus::kQueued;
  }
  void SendEphemeral(const Event&) override { said_.push_back("ephemeral"); }
  bool SendPresence(std::span<const EventRef> events) override {
    said_.push_back("presence " + std::to_string(events.size()));
    return true;
  }
  void SendGap(const Uuid&, int64_t from, int64_t to, bool reset) override {
    said_.push_back((reset ? "reset " : "gap ") + std::to_string(from) + "-" + std::to_string(to));
  }
  void Fetch(Feed& feed) override { said_.push_back("fetch " + std::to_string(feed.last_seq())); }
  void FetchFailed(Feed&) override { said_.push_back("failed"); }
  void Fetched(Feed&) override {}
  void CaughtUp(Feed& feed) override {
    said_.push_back("caught up " + std::to_string(feed.last_seq()));
  }
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed&, const Event&) override { said_.push_back("parted"); }

  using Said = std::vector<std::string>;
  Said TakeSaid() { return std::exchange(said_, {}); }
  void StartLive(int64_t seq) {
    feed_.HoldAt(seq);
    feed_.Start(seq);
    ASSERT_EQ(feed_.state(), State::kLive);
  }

  size_t room_ = 1000;
  Said said_;
  UserId user_ = "ann";
  Feed feed_{Uuid{}, *this};
};

TEST_F(FeedTest, AHeldFeedIgnoresEvents) {
  feed_.HoldAt(3);
  feed_.OnLive(*EventAt(4));
  feed_.OnDrained();
  feed_.OnPage(MakePage(3, {4}, 4, 4));
  EXPECT_EQ(TakeSaid(), Said{});
  EXPECT_EQ(feed_.last_seq(), 3);
  EXPECT_EQ(feed_.state(), State::kHeld);
}

TEST_F(FeedTest, AFeedAtTheHeadIsLiveImmediately) {
  StartLive(3);
  feed_.OnLive(*EventAt(4));
  EXPECT_EQ(TakeSaid(), Said{"4"});
}

TEST_F(FeedTest, AFeedBehindTheHeadFetchesFirst) {
  feed_.HoldAt(3);
  feed_.Start(5);
  EXPECT_EQ(TakeSaid(), Said{"fetch 3"});
  feed_.OnPage(MakePage(3, {4, 5}, 5, 5));
  EXPECT_EQ(TakeSaid(), (Said{"4", "5"}));
  EXPECT_EQ(feed_.state(), State::kLive);
}

TEST_F(FeedTest, OnlyHeldFeedsStart) {
  StartLive(3);
  feed_.Start(9);
  feed_.StartWithFetch();
  EXPECT_EQ(TakeSaid(), Said{});
  EXPECT_EQ(feed_.state(), State::kLive);
}

TEST_F(FeedTest, AHeldFeedCanStartWithAFetch) {
  feed_.HoldAt(3);
  feed_.StartWithFetch();
  EXPECT_EQ(TakeSaid(), Said{"fetch 3"});
}

TEST_F(FeedTest, ADuplicateIsDropped) {
  StartLive(3);
  feed_.OnLive(*EventAt(3));
  feed_.OnLive(*EventAt(1));
  EXPECT_EQ(TakeSaid(), Said{});
  EXPECT_EQ(feed_.state(), State::kLive);
}

// Proves: P5 resume
TEST_F(FeedTest, AGapIsFilledBeforeLaterEvents) {
  StartLive(3);
  feed_.OnLive(*EventAt(5));
  EXPECT_EQ(TakeSaid(), Said{"fetch 3"});
  feed_.OnLive(*EventAt(6));
  EXPECT_EQ(TakeSaid(), Said{});
  feed_.OnPage(MakePage(3, {4, 5, 6}, 6, 6));
  feed_.OnLive(*EventAt(6));
  feed_.OnLive(*EventAt(7));
  EXPECT_EQ(TakeSaid(), (Said{"4", "5", "6", "7"}));
}

TEST_F(FeedTest, AFullOutboxDelaysAndThenFetchesMissedEvents) {
  StartLive(0);
  room_ = 1;
  for (int64_t seq = 1; seq <= 3; ++seq) feed_.OnLive(*EventAt(seq));
  EXPECT_EQ(TakeSaid(), Said{"1"});
  EXPECT_EQ(feed_.state(), State::kBehind);
  room_ = 10;
  feed_.OnDrained();
  EXPECT_EQ(TakeSaid(), Said{"fetch 1"});
  feed_.OnPage(MakePage(1, {2, 3}, 3, 3));
  EXPECT_EQ(TakeSaid(), (Said{"2", "3"}));
}

TEST_F(FeedTest, DrainingALiveOrFetchingFeedFetchesNothing) {
  StartLive(3);
  feed_.OnDrained();
  EXPECT_EQ(TakeSaid(), Said{});
  feed_.Resume(1);
  feed_.OnDrained();
  EXPECT_EQ(TakeSaid(), Said{"fetch 1"});
}

TEST_F(FeedTest, APageInterruptedByAFullOutboxContinuesThere) {
  feed_.Resume(0);
  room_ = 2;
  feed_.OnPage(MakePage(0, {1, 2, 3}, 3, 3));
  EXPECT_EQ(feed_.state(), State::kBehind);
  room_ = 10;
  feed_.OnDrained();
  feed_.OnPage(MakePage(2, {3}, 3, 3));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 0", "1", "2", "fetch 2", "3", "caught up 3"}));
}

TEST_F(FeedTest, APageThatEndsBeforeTheHeadIsFollowedByTheNext) {
  feed_.Resume(0);
  feed_.OnPage(MakePage(0, {1, 2}, 2, 4));
  feed_.OnPage(MakePage(2, {3, 4}, 4, 4));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 0", "1", "2", "fetch 2", "3", "4", "caught up 4"}));
  EXPECT_EQ(feed_.state(), State::kLive);
  EXPECT_FALSE(feed_.resuming());
}

// Proves: gap, reset
TEST_F(FeedTest, DeletedEventsAreReportedAsAGapInOrder) {
  feed_.Resume(0);
  feed_.OnPage(MakePage(0, {3, 4, 6}, 8, 8));
  EXPECT_EQ(TakeSaid(),
            (Said{"fetch 0", "gap 1-2", "3", "4", "gap 5-5", "6", "gap 7-8", "caught up 8"}));
}

// The store was restored with head 4, and seqs continue at 104.
TEST_F(FeedTest, EveryPositionBeforeARestoreIsResetToTheEndOfTheLostRange) {
  Event restored{.kind = EventKind::kRestored, .seq = 104, .about_seq = 4};
  const auto page_since = [&](int64_t since, std::vector<int64_t> seqs, int64_t head) {
    Page page = MakePage(since, seqs, head, head);
    const auto at = std::ranges::find_if(page.events, [](const auto& e) { return e->seq > 104; });
    page.events.insert(at, std::make_shared<const Event>(restored));
    return page;
  };
  feed_.Resume(2);
  feed_.OnPage(page_since(2, {3, 4}, 104));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 2", "3", "4", "reset 5-104", "caught up 104"}));
  feed_.OnLive(*EventAt(105));
  EXPECT_EQ(TakeSaid(), Said{"105"});
  feed_.Resume(7);
  feed_.OnPage(page_since(7, {105}, 105));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 7", "reset 5-104", "105", "caught up 105"}))
      << "seq 7 of the lost history";
  feed_.Resume(1);
  feed_.OnPage(page_since(1, {}, 104));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 1", "gap 2-4", "reset 5-104", "caught up 104"}));
}

TEST_F(FeedTest, AGapBeforeAFullOutboxIsSentOnce) {
  feed_.Resume(0);
  room_ = 0;
  feed_.OnPage(MakePage(0, {3}, 3, 3));
  room_ = 10;
  feed_.OnDrained();
  feed_.OnPage(MakePage(2, {3}, 3, 3));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 0", "gap 1-2", "fetch 2", "3", "caught up 3"}));
}

TEST_F(FeedTest, APageForAnotherPositionIsIgnored) {
  feed_.Resume(5);
  feed_.Resume(2);
  feed_.OnPage(MakePage(5, {6}, 6, 6));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 5", "fetch 2"}));
  feed_.OnPage(MakePage(2, {3, 4, 5, 6}, 6, 6));
  feed_.OnPage(MakePage(2, {3, 4, 5, 6}, 6, 6));
  EXPECT_EQ(TakeSaid(), (Said{"3", "4", "5", "6", "caught up 6"}));
}

TEST_F(FeedTest, APositionBeyondTheHeadIsResetToTheHead) {
  feed_.Resume(9);
  Page page = MakePage(9, {}, 4, 4);
  page.reset = true;
  feed_.OnPage(page);
  EXPECT_EQ(TakeSaid(), (Said{"fetch 9", "reset 5-9", "caught up 4"}));
  feed_.OnLive(*EventAt(5));
  EXPECT_EQ(TakeSaid(), Said{"5"});
}

TEST_F(FeedTest, ARewindSendsAResetAndStaysLive) {
  StartLive(9);
  feed_.Rewind(4);
  EXPECT_EQ(TakeSaid(), Said{"reset 5-9"});
  feed_.OnLive(*EventAt(5));
  EXPECT_EQ(TakeSaid(), Said{"5"});
  feed_.Rewind(5);
  EXPECT_EQ(TakeSaid(), Said{}) << "it has nothing beyond";
}

TEST_F(FeedTest, ARewindDuringAFetchRestartsTheFetch) {
  feed_.Resume(9);
  feed_.Rewind(4);
  feed_.OnPage(MakePage(9, {10}, 10, 10));  // of the lost history
  feed_.OnPage(MakePage(4, {5}, 5, 5));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 9", "reset 5-9", "fetch 4", "5", "caught up 5"}));
}

TEST_F(FeedTest, APageWithoutProgressIsNotRetriedImmediately) {
  feed_.Resume(4);
  feed_.OnPage(MakePage(4, {}, 4, 9));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 4", "failed"}));
  EXPECT_EQ(feed_.state(), State::kFetching);
}

TEST_F(FeedTest, AFeedHeldBeyondTheHeadFetches) {
  feed_.HoldAt(9);
  feed_.Start(4);
  EXPECT_EQ(TakeSaid(), Said{"fetch 9"});
}

TEST_F(FeedTest, ASecondResumeBeforeTheEndCatchesUpOnce) {
  feed_.Resume(0);
  feed_.OnPage(MakePage(0, {1}, 1, 2));
  feed_.Resume(0);
  feed_.OnPage(MakePage(1, {2}, 2, 2));
  feed_.OnPage(MakePage(0, {1, 2}, 2, 2));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 0", "1", "fetch 1", "fetch 0", "1", "2", "caught up 2"}));
}

TEST_F(FeedTest, AFailedPageEndsOnlyItsOwnFetch) {
  feed_.Resume(2);
  feed_.OnPageFailed(5);
  EXPECT_EQ(TakeSaid(), Said{"fetch 2"});
  feed_.OnPageFailed(2);
  EXPECT_EQ(TakeSaid(), Said{"failed"});
  feed_.OnPage(MakePage(2, {3}, 3, 3));
  TakeSaid();
  feed_.OnPageFailed(3);
  EXPECT_EQ(TakeSaid(), Said{});
}

TEST_F(FeedTest, CaughtUpIsCalledOnlyAfterAResume) {
  StartLive(1);
  feed_.OnLive(*EventAt(3));
  feed_.OnPage(MakePage(1, {2, 3}, 3, 3));
  EXPECT_EQ(TakeSaid(), (Said{"fetch 1", "2", "3"}));
}

}  // namespace
}  // namespace parley

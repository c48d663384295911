#include "store/log_follower.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "test/support/seeded_random.h"

namespace parley {
namespace {

using namespace std::chrono_literals;
using Options = LogFollower::Options;

// Rows of transactions, some of them not committed yet, returned in pages as the store does.
class Log {
 public:
  explicit Log(uint64_t epoch = 1) : epoch_(epoch) {}
  int64_t Begin() { return open_.insert(next_), next_++; }
  void Write(int64_t transaction) { rows_.emplace(transaction, ++last_id_); }
  void Commit(int64_t transaction) { open_.erase(transaction); }
  int64_t WriteOne() {
    const int64_t transaction = Begin();
    Write(transaction);
    Commit(transaction);
    return last_id_;
  }
  // The store went back: later rows are lost.
  void GoBackTo(int64_t next) {
    ++epoch_;
    next_ = next;
    open_.clear();
    std::erase_if(rows_, [&](const auto& row) { return row.first >= next; });
  }

  StorePosition Position() const { return {epoch_, next_, {open_.begin(), open_.end()}}; }
  LogPage Read(const LogQuery& query, std::vector<int64_t>& ids) const {
    LogPage page{.position = Position()};
    const auto is_mine = [&](const std::optional<StorePosition>& position) {
      return !position || (position->epoch == epoch_ && position->next <= next_);
    };
    page.stale = !is_mine(query.from) || !is_mine(query.until);
    if (page.stale) return page;
    const int64_t end = (query.until ? *query.until : page.position).next;
    for (const auto& [transaction, id] : rows_) {
      const bool wanted = !query.from || transaction >= query.from->next ||
                          std::ranges::binary_search(query.from->open, transaction);
      if (!wanted || transaction >= end || open_.contains(transaction)) continue;
      if (std::pair(transaction, id) <= std::pair(query.after.transaction, query.after.id))
        continue;
      ids.push_back(id);
      page.last = {.transaction = transaction, .id = id};
      page.more = ids.size() == query.limit;
      if (page.more) break;
    }
    return page;
  }

 private:
  uint64_t epoch_;
  int64_t next_ = 10, last_id_ = 0;
  std::set<int64_t> open_;
  std::multimap<int64_t, int64_t> rows_;
};

class LogFollowerTest : public testing::Test {
 protected:
  // A whole round; the ids that it gave, and how many pages it took.
  std::vector<int64_t> Round(bool* restarted = nullptr) {
    std::vector<int64_t> all;
    pages_ = 0;
    now_ += 3s;
    auto query = follower_.Begin(now_, time_);
    EXPECT_TRUE(query);
    while (query) {
      std::vector<int64_t> ids;
      ++pages_;
      const LogPage page = log_.Read(*query, ids);
      EXPECT_LE(ids.size(), 5u);
      all.insert(all.end(), ids.begin(), ids.end());
      const auto progress = follower_.OnPage(page);
      if (restarted != nullptr) *restarted = progress.restarted;
      query = progress.next;
    }
    return all;
  }

  Monotonic now_{100s};
  Timestamp time_{1'000'000'000};
  Log log_;
  LogFollower follower_{Options{.every = 2s, .page_rows = 5}, time_, 1};
  int pages_ = 0;
};

using Ids = std::vector<int64_t>;

TEST_F(LogFollowerTest, EachRowIsReadOnce) {
  EXPECT_EQ(Round(), Ids());
  log_.WriteOne();
  log_.WriteOne();
  EXPECT_EQ(Round(), (Ids{1, 2}));
  EXPECT_EQ(Round(), Ids());
  log_.WriteOne();
  EXPECT_EQ(Round(), Ids{3});
}

TEST_F(LogFollowerTest, ARowThatIsCommittedLateIsRead) {
  Round();
  const int64_t late = log_.Begin();
  log_.Write(late);
  for (int i = 0; i < 3; ++i) log_.WriteOne();
  EXPECT_EQ(Round(), (Ids{2, 3, 4}));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(Round(), Ids()) << "a long transaction causes no repetition";
  log_.Commit(late);
  EXPECT_EQ(Round(), Ids{1});
}

TEST_F(LogFollowerTest, ManyRowsAreReadInBoundedPages) {
  Round();
  for (int i = 0; i < 23; ++i) log_.WriteOne();
  const int64_t large = log_.Begin();
  for (int i = 0; i < 12; ++i) log_.Write(large);
  log_.Commit(large);
  const Ids ids = Round();
  EXPECT_EQ(ids.size(), 35u);
  EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(), 35u);
  EXPECT_EQ(pages_, 8);
}

TEST_F(LogFollowerTest, ARowThatIsCommittedBetweenTwoPagesIsNotLost) {
  Round();
  const int64_t late = log_.Begin();
  log_.Write(late);
  for (int i = 0; i < 6; ++i) log_.WriteOne();
  now_ += 3s;
  Ids ids;
  auto query = follower_.Begin(now_, time_);
  const auto progress = follower_.OnPage(log_.Read(*query, ids));
  ASSERT_TRUE(progress.next);
  log_.Commit(late);
  const int64_t after = log_.WriteOne();
  Ids rest;
  EXPECT_FALSE(follower_.OnPage(log_.Read(*progress.next, rest)).next);
  ids.insert(ids.end(), rest.begin(), rest.end());
  EXPECT_EQ(ids, (Ids{2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(Round(), (Ids{1, after}));
}

TEST_F(LogFollowerTest, AnotherEpochRestartsTheLog) {
  bool restarted = false;
  Round(&restarted);
  EXPECT_TRUE(restarted) << "there was no position before";
  for (int i = 0; i < 8; ++i) log_.WriteOne();
  Round(&restarted);
  EXPECT_FALSE(restarted);
  log_.GoBackTo(12);
  log_.WriteOne();
  const Ids ids = Round(&restarted);
  EXPECT_TRUE(restarted);
  EXPECT_EQ(ids, (Ids{1, 2, 9})) << "all rows since the margin, including rows read before";
  EXPECT_EQ(follower_.position()->next, 13) << "not in the future";
  log_.WriteOne();
  EXPECT_EQ(Round(&restarted), Ids{10});
  EXPECT_FALSE(restarted);
}

TEST_F(LogFollowerTest, AnEpochThatChangesWithinARoundRestartsTheLog) {
  Round();
  for (int i = 0; i < 8; ++i) log_.WriteOne();
  now_ += 3s;
  Ids ids;
  auto progress = follower_.OnPage(log_.Read(*follower_.Begin(now_, time_), ids));
  log_.GoBackTo(11);
  ids.clear();
  progress = follower_.OnPage(log_.Read(*progress.next, ids));
  ASSERT_TRUE(progress.next);
  EXPECT_FALSE(progress.next->from);
  progress = follower_.OnPage(log_.Read(*progress.next, ids));
  EXPECT_TRUE(progress.restarted);
  EXPECT_EQ(ids, Ids{1});
}

TEST_F(LogFollowerTest, ARestartReadsFromBeforeTheLastCompleteRound) {
  EXPECT_EQ(follower_.Begin(now_, time_)->since.micros, time_.micros - 600'000'000);
  std::vector<int64_t> ids;
  follower_.OnFailure(now_);
  time_.micros += 3'600'000'000;
  now_ += 1h;
  EXPECT_EQ(follower_.Begin(now_, time_)->since.micros, time_.micros - 4'200'000'000)
      << "a failed round does not count";
  follower_.OnPage(log_.Read({}, ids));
  now_ += 1h;
  EXPECT_EQ(follower_.Begin(now_, time_)->since.micros, time_.micros - 600'000'000);
}

TEST_F(LogFollowerTest, RoundsRunAtTheIntervalAndSoonOnRequest) {
  LogFollower follower(Options{.every = 10s}, time_, 1);
  const auto run = [&](Duration time) {
    int rounds = 0;
    for (const Monotonic end = now_ + time; now_ < end; now_ += 100ms) {
      if (!follower.Begin(now_, time_)) continue;
      EXPECT_FALSE(follower.Begin(now_, time_)) << "one query at a time";
      follower.OnPage({});
      ++rounds;
    }
    return rounds;
  };
  EXPECT_EQ(run(1s), 1);
  EXPECT_EQ(run(6s), 0);
  EXPECT_EQ(run(4s), 1);
  for (int i = 0; i < 1000; ++i) follower.Request(now_);
  EXPECT_EQ(run(1s), 1) << "simultaneous requests cause one round";
  EXPECT_EQ(run(6s), 0);
  follower.SetInterval(2s);
  run(10s);
  const int rounds = run(20s);
  EXPECT_GE(rounds, 10);
  EXPECT_LE(rounds, 13);
}

TEST_F(LogFollowerTest, AFailedReadIsRetriedSoon) {
  LogFollower follower(Options{.every = 10s}, time_, 1);
  ASSERT_TRUE(follower.Begin(now_, time_));
  follower.OnFailure(now_);
  EXPECT_FALSE(follower.Begin(now_ + 1s, time_));
  EXPECT_TRUE(follower.Begin(now_ + 2s, time_));
}

TEST_F(LogFollowerTest, RandomCommitsAreReadOnceEach) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    test::SeededRandom random(seed);
    log_ = Log();
    follower_ = LogFollower(Options{.every = 2s, .page_rows = 5}, time_, seed);
    std::vector<int64_t> open;
    std::multiset<int64_t> read;
    int64_t written = 0;
    Round();
    for (int step = 0; step < 200; ++step) {
      if (random.OneIn(3)) open.push_back(log_.Begin());
      if (!open.empty()) log_.Write(open[random.Below(open.size())]), ++written;
      if (!open.empty() && random.OneIn(3)) {
        const auto at = open.begin() + static_cast<std::ptrdiff_t>(random.Below(open.size()));
        log_.Commit(*at);
        open.erase(at);
      }
      if (random.OneIn(4)) {
        for (const int64_t id : Round()) read.insert(id);
      }
    }
    for (const int64_t transaction : open) log_.Commit(transaction);
    for (const int64_t id : Round()) read.insert(id);
    ASSERT_EQ(static_cast<int64_t>(read.size()), written) << "seed " << seed;
    ASSERT_EQ(static_cast<int64_t>(std::set<int64_t>(read.begin(), read.end()).size()), written);
  }
}

}  // namespace
}  // namespace parley

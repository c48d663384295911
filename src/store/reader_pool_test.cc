#include "store/reader_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace parley {
namespace {

using std::chrono::seconds;

class NoSession final : public SqlSession {
 public:
  Statement& Prepare(const Query&) override { std::abort(); }
  void Execute(const std::string&) override {}
  void Begin() override {}
  void BeginRead() override {}
  void Commit() override {}
  void Rollback() noexcept override {}
};

std::unique_ptr<SqlSession> OpenNone() { return std::make_unique<NoSession>(); }

// A job that occupies its thread until it is released.
class Blocker {
 public:
  ReaderPool::Job Job() {
    return [this](SqlSession*) {
      started_.set_value();
      go_.get_future().wait();
    };
  }
  void WaitUntilItRuns() { started_.get_future().wait(); }
  void LetGo() { go_.set_value(); }

 private:
  std::promise<void> started_, go_;
};

class ReaderPoolTest : public testing::Test {
 protected:
  // Keeps a shared thread busy until the test ends, or LetAllGo.
  void Block(ReaderPool& pool, ReadClass kind) {
    blockers_.push_back(std::make_unique<Blocker>());
    pool.Submit(kind, blockers_.back()->Job());
    blockers_.back()->WaitUntilItRuns();
  }
  // Called once. The jobs still use their blockers until the pool is closed.
  void LetAllGo() {
    for (auto& blocker : blockers_) blocker->LetGo();
  }
  ReaderPool::Job Note(std::string name) {
    return [this, name = std::move(name)](SqlSession* session) {
      const std::lock_guard lock(mutex_);
      order_ += session == nullptr ? "-" + name : name;
    };
  }

  ManualClock clock_;
  std::vector<std::unique_ptr<Blocker>> blockers_;
  std::mutex mutex_;
  std::string order_;
};

TEST_F(ReaderPoolTest, JobsRunOnThreadsWithSeparateConnections) {
  ReaderPool pool(OpenNone, {.shared_threads = 2}, clock_);
  std::promise<std::pair<SqlSession*, std::thread::id>> seen[2];
  std::promise<void> both;
  const std::shared_future<void> go = both.get_future().share();
  for (auto& one : seen) {
    pool.Submit(ReadClass::kInteractive, [&one, go](SqlSession* session) {
      one.set_value({session, std::this_thread::get_id()});
      go.wait();  // so the two need two threads
    });
  }
  const auto first = seen[0].get_future().get(), second = seen[1].get_future().get();
  both.set_value();
  EXPECT_NE(first.first, nullptr);
  EXPECT_NE(second.first, nullptr);
  EXPECT_NE(first.first, second.first);
  EXPECT_NE(first.second, second.second);
  EXPECT_NE(first.second, std::this_thread::get_id());
}

TEST_F(ReaderPoolTest, CriticalReadsRunWhileAllOthersAreBlocked) {
  ReaderPool pool(OpenNone, {.shared_threads = 1}, clock_);
  Block(pool, ReadClass::kInteractive);
  pool.Submit(ReadClass::kInteractive, Note("i"));
  pool.Submit(ReadClass::kBulk, Note("b"));
  std::promise<bool> ran;
  pool.Submit(ReadClass::kCritical,
              [&](SqlSession* session) { ran.set_value(session != nullptr); });
  EXPECT_TRUE(ran.get_future().get());
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).queued, 1u);
  EXPECT_EQ(pool.stats(ReadClass::kBulk).queued, 1u);
  LetAllGo();
  pool.Close();
  EXPECT_EQ(order_, "ib");
}

TEST_F(ReaderPoolTest, InteractiveReadsRunBeforeEarlierBulkReads) {
  ReaderPool pool(OpenNone, {.shared_threads = 1}, clock_);
  Block(pool, ReadClass::kInteractive);
  for (const char* name : {"x", "y"}) pool.Submit(ReadClass::kBulk, Note(name));
  for (const char* name : {"1", "2", "3"}) pool.Submit(ReadClass::kInteractive, Note(name));
  LetAllGo();
  pool.Close();
  EXPECT_EQ(order_, "123xy");
}

TEST_F(ReaderPoolTest, ABulkReadIsNotStarvedByInteractiveReads) {
  ReaderPool pool(OpenNone, {.shared_threads = 1}, clock_);
  Block(pool, ReadClass::kInteractive);
  pool.Submit(ReadClass::kBulk, Note("x"));
  for (int i = 0; i < 100; ++i) pool.Submit(ReadClass::kInteractive, Note("i"));
  LetAllGo();
  pool.Close();
  ASSERT_NE(order_.find('x'), std::string::npos);
  EXPECT_LT(order_.find('x'), 100u);
}

TEST_F(ReaderPoolTest, BulkReadsLeaveAThreadForInteractiveOnes) {
  ReaderPool pool(OpenNone, {.shared_threads = 2}, clock_);
  Block(pool, ReadClass::kBulk);
  pool.Submit(ReadClass::kBulk, Note("x"));  // it could take the other thread, and does not
  std::promise<bool> ran;
  pool.Submit(ReadClass::kInteractive,
              [&](SqlSession* session) { ran.set_value(session != nullptr); });
  EXPECT_TRUE(ran.get_future().get());
  EXPECT_EQ(pool.stats(ReadClass::kBulk).queued, 1u);
  LetAllGo();
  pool.Close();
  EXPECT_EQ(order_, "x");
}

// Proves: store_pool_waits_total, store_read_queue, store_reads_refused_total, store_reads_expired_total, store_statements_total, store_round_trips_total
TEST_F(ReaderPoolTest, AFullQueueRejectsAndCountsTheJob) {
  ReaderPool pool(OpenNone, {.shared_threads = 1, .max_queued = {1, 2, 3}}, clock_);
  Block(pool, ReadClass::kInteractive);
  std::atomic<int> run{0}, refused{0};
  for (int i = 0; i < 3; ++i) {
    pool.Submit(ReadClass::kInteractive,
                [&](SqlSession* session) { ++(session != nullptr ? run : refused); });
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(run, 0);
  pool.Submit(ReadClass::kBulk, Note("b"));
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).queued, 2u);
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).refused_full, 1u);
  EXPECT_EQ(pool.stats(ReadClass::kBulk).refused_full, 0u) << "each class has its own queue";
  EXPECT_EQ(pool.waited(), 3u) << "the first job found a free thread, and one was rejected";
  LetAllGo();
  pool.Close();
  EXPECT_EQ(run, 2) << "close runs queued jobs";
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).queued, 0u);
}

TEST_F(ReaderPoolTest, AJobThatWaitedTooLongIsRejected) {
  ReaderPool pool(OpenNone, {.shared_threads = 1, .patience = seconds(10)}, clock_);
  Block(pool, ReadClass::kInteractive);
  pool.Submit(ReadClass::kInteractive, Note("old"));
  clock_.Advance(seconds(6));
  pool.Submit(ReadClass::kInteractive, Note("new"));
  clock_.Advance(seconds(6));
  LetAllGo();
  pool.Close();
  EXPECT_EQ(order_, "-oldnew");
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).refused_late, 1u);
  EXPECT_EQ(pool.stats(ReadClass::kInteractive).refused_full, 0u);
}

TEST_F(ReaderPoolTest, AClosedPoolRejectsEveryJob) {
  ReaderPool pool(OpenNone, {}, clock_);
  pool.Close();
  for (size_t i = 0; i < kReadClasses.size(); ++i) {
    bool refused = false;
    pool.Submit(static_cast<ReadClass>(i),
                [&](SqlSession* session) { refused = session == nullptr; });
    EXPECT_TRUE(refused);
  }
  pool.Close();
}

}  // namespace
}  // namespace parley

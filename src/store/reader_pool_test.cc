#include "store/reader_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

namespace parley {
namespace {

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

TEST(ReaderPoolTest, JobsRunOnReadersEachWithAConnectionOfItsOwn) {
  ReaderPool pool(OpenNone, 2, 10);
  std::promise<std::pair<SqlSession*, std::thread::id>> seen[2];
  std::promise<void> both;
  const std::shared_future<void> go = both.get_future().share();
  for (auto& one : seen) {
    pool.Submit([&one, go](SqlSession* session) {
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

TEST(ReaderPoolTest, AFullQueueHandsTheJobBackAtOnce) {
  ReaderPool pool(OpenNone, 1, 2);
  std::promise<void> started, go;
  pool.Submit([&](SqlSession*) {
    started.set_value();
    go.get_future().wait();
  });
  started.get_future().wait();
  std::atomic<int> run{0}, refused{0};
  for (int i = 0; i < 3; ++i) {
    pool.Submit([&](SqlSession* session) { ++(session != nullptr ? run : refused); });
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(run, 0);
  EXPECT_EQ(pool.queued(), 2u);
  EXPECT_EQ(pool.waited(), 2u) << "the first found a reader that was free, the last was not taken";
  go.set_value();
  pool.Close();
  EXPECT_EQ(run, 2) << "close runs what is queued";
  EXPECT_EQ(pool.queued(), 0u);
}

TEST(ReaderPoolTest, AClosedPoolHandsEveryJobBack) {
  ReaderPool pool(OpenNone, 2, 10);
  pool.Close();
  bool refused = false;
  pool.Submit([&](SqlSession* session) { refused = session == nullptr; });
  EXPECT_TRUE(refused);
  pool.Close();
}

}  // namespace
}  // namespace parley

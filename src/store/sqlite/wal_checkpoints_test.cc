#include "store/sqlite/wal_checkpoints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_session.h"
#include "test/contract/store_contract.h"

namespace parley {
namespace {

constexpr Query kAdd{"add", "INSERT INTO thing (content) VALUES (randomblob(2000))"};
constexpr Query kCount{"count", "SELECT count(*) FROM thing"};

class WalCheckpointsTest : public ::testing::Test {
 protected:
  WalCheckpointsTest() {
    writer_.Execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, content BLOB)");
    writer_.CheckpointBeside(
        file_, true, figures_,
        {.start_bytes = 64 << 10, .rest_bytes = 16 << 10, .limit_bytes = 256 << 10});
  }

  // One row of 2,000 bytes in a transaction of its own.
  void Add() {
    writer_.Begin();
    writer_.Prepare(kAdd).Run();
    writer_.Commit();
    ++added_;
    most_bytes_ = std::max<int64_t>(most_bytes_, figures_->bytes);
  }
  void AddUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < deadline) Add();
    EXPECT_TRUE(done());
  }
  static int64_t CountIn(SqlSession& session) {
    Statement& row = session.Prepare(kCount);
    row.Step();
    const int64_t count = row.Int(0);
    row.Run();
    return count;
  }
  uint64_t restarts() const { return figures_->restarts.value(); }

  test::ScratchDirectory directory_;
  const std::filesystem::path file_ = directory_.path() / "parley.db";
  const std::shared_ptr<WalFigures> figures_ = std::make_shared<WalFigures>();
  SqliteSession writer_{file_, SqliteSession::Mode::kWriter, true};
  int64_t added_ = 0, most_bytes_ = 0;
};

TEST_F(WalCheckpointsTest, TheLogStartsAnewAndStaysSmall) {
  AddUntil([&] { return restarts() >= 5 && added_ >= 2000; });
  // The writer may pass the limit by one transaction.
  EXPECT_LE(most_bytes_, (256 << 10) + (64 << 10));
  SqliteSession reader(file_, SqliteSession::Mode::kReader, true);
  EXPECT_EQ(CountIn(reader), added_);
}

TEST_F(WalCheckpointsTest, ALongReadKeepsItsSnapshotAndTheLogStartsAnewAfterIt) {
  Add();
  SqliteSession reader(file_, SqliteSession::Mode::kReader, true);
  reader.BeginRead();
  const int64_t seen = CountIn(reader);
  AddUntil([&] { return figures_->bytes > (512 << 10); });
  const uint64_t before = restarts();
  EXPECT_EQ(CountIn(reader), seen);
  reader.Rollback();
  AddUntil([&] { return restarts() > before; });
  EXPECT_EQ(CountIn(reader), added_);
}

TEST_F(WalCheckpointsTest, ShortReadsThatOverlapDoNotLetTheLogGrow) {
  Add();
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      SqliteSession reader(file_, SqliteSession::Mode::kReader, true);
      while (!done) {
        reader.BeginRead();
        CountIn(reader);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        reader.Rollback();
      }
    });
  }
  AddUntil([&] { return restarts() >= 4; });
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_LE(most_bytes_, 512 << 10);
}

}  // namespace
}  // namespace parley

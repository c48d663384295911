// COMMITs that fail: what the error means for the writes of the batch.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "store/sqlite/sqlite_session.h"
#include "test/contract/store_contract.h"
#include "test/support/small_disk.h"

namespace parley {
namespace {

using test::CopyAsAKillLeavesIt;
using test::ScratchDirectory;
using test::SmallDisk;

class FailedCommitTest : public testing::Test {
 protected:
  static constexpr Query kAdd{"add", "INSERT INTO thing (content) VALUES (randomblob(30000))"};
  static constexpr Query kCount{"count", "SELECT count(*) FROM thing"};

  static std::unique_ptr<SqliteSession> Open(const std::filesystem::path& directory) {
    auto session = std::make_unique<SqliteSession>(directory / "parley.db",
                                                   SqliteSession::Mode::kWriter, true);
    session->Execute("PRAGMA wal_autocheckpoint = 0");
    return session;
  }
  static int64_t CountIn(SqlSession& session) {
    Statement& row = session.Prepare(kCount);
    row.Step();
    const int64_t count = row.Int(0);
    row.Run();
    return count;
  }
  // A database whose log has 24 MB that are free again, so that its next pages need no space.
  static void MakeLongLog(const std::filesystem::path& directory) {
    const ScratchDirectory elsewhere;
    const auto session = Open(elsewhere.path());
    session->Execute(
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, content BLOB);"
        "INSERT INTO thing (content) VALUES (zeroblob(24000000)); DELETE FROM thing;"
        "PRAGMA wal_checkpoint(RESTART); INSERT INTO thing (content) VALUES ('first')");
    CopyAsAKillLeavesIt(elsewhere.path(), directory);
  }
};

// Proves: P8 the store is the source of truth
TEST_F(FailedCommitTest, ACommitThatACrashRecoversHasAnUnknownOutcome) {
  const SmallDisk disk("80m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not permitted here";
  MakeLongLog(disk.path());
  const auto session = Open(disk.path());
  int64_t stored = CountIn(*session);
  disk.FillUp();
  std::optional<StoreFailure::Kind> failed;
  while (!failed && stored < 2'000) {
    try {
      session->Begin();
      session->Prepare(kAdd).Run();
      session->Commit();
      ++stored;
    } catch (const StoreFailure& failure) {
      session->Rollback();
      failed = failure.kind();
    }
  }
  // The log is written and synced, but the index of its pages could not grow.
  EXPECT_EQ(failed, StoreFailure::Kind::kOutcomeUnknown);
  EXPECT_EQ(CountIn(*session), stored);
  const ScratchDirectory elsewhere;
  CopyAsAKillLeavesIt(disk.path(), elsewhere.path());
  EXPECT_EQ(CountIn(*Open(elsewhere.path())), stored + 1);
}

}  // namespace
}  // namespace parley

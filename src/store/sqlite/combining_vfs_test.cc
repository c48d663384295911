#include "store/sqlite/combining_vfs.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "test/contract/store_contract.h"

namespace parley {
namespace {

// The number of calls of write(2) and its relatives by this thread so far.
int64_t WritesOfThisThread() {
  std::ifstream io("/proc/thread-self/io");
  std::string name;
  int64_t value = 0;
  while (io >> name >> value) {
    if (name == "syscw:") return value;
  }
  return -1;
}

class Connection {
 public:
  Connection(const std::filesystem::path& file, const char* vfs) {
    EXPECT_EQ(sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
              SQLITE_OK);
    EXPECT_EQ(Do("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                 "PRAGMA wal_autocheckpoint = 0"),
              SQLITE_OK);
  }
  ~Connection() { sqlite3_close(db_); }
  int Do(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  int64_t Number(const std::string& sql) {
    int64_t number = -1;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* to, int, char** columns, char**) {
          *static_cast<int64_t*>(to) = std::stoll(columns[0]);
          return 0;
        },
        &number, nullptr);
    return number;
  }
  // A transaction that changes about 60 pages.
  int AddRows() {
    return Do(
        "INSERT INTO thing (content) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
        "n "
        "WHERE i < 60) SELECT randomblob(3500) FROM n");
  }

 private:
  sqlite3* db_ = nullptr;
};

class CombiningVfsTest : public testing::Test {
 protected:
  CombiningVfsTest() {
    Connection(file_, nullptr).Do("CREATE TABLE thing (id INTEGER PRIMARY KEY, content BLOB)");
  }
  static int64_t WritesOfACommit(Connection& connection) {
    const int64_t before = WritesOfThisThread();
    EXPECT_EQ(connection.AddRows(), SQLITE_OK);
    return WritesOfThisThread() - before;
  }

  test::ScratchDirectory directory_;
  const std::filesystem::path file_ = directory_.path() / "test.db";
};

TEST_F(CombiningVfsTest, ACommitIsWrittenInFewPieces) {
  Connection plain(file_, nullptr);
  EXPECT_GE(WritesOfACommit(plain), 120);
  Connection combining(file_, CombiningVfs());
  EXPECT_LE(WritesOfACommit(combining), 10);
}

TEST_F(CombiningVfsTest, OtherConnectionsSeeEachCommit) {
  Connection writer(file_, CombiningVfs()), reader(file_, nullptr);
  for (int commit = 1; commit <= 20; ++commit) {
    ASSERT_EQ(writer.AddRows(), SQLITE_OK);
    EXPECT_EQ(reader.Number("SELECT count(*) FROM thing WHERE length(content) = 3500"),
              60 * commit);
    if (commit % 5 == 0) {
      EXPECT_EQ(writer.Do("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
    }
  }
}

TEST_F(CombiningVfsTest, ALargeTransactionReadsItsOwnPagesFromTheLog) {
  Connection writer(file_, CombiningVfs());
  ASSERT_EQ(writer.Do("PRAGMA cache_size = 10; BEGIN"), SQLITE_OK);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(writer.AddRows(), SQLITE_OK);
  EXPECT_EQ(writer.Number("SELECT sum(length(content)) FROM thing"), 20 * 60 * 3500);
  ASSERT_EQ(writer.Do("COMMIT"), SQLITE_OK);
  EXPECT_EQ(Connection(file_, nullptr).Number("SELECT sum(length(content)) FROM thing"),
            20 * 60 * 3500);
}

TEST_F(CombiningVfsTest, ACommitWhoseWritesFailStoresNothing) {
  Connection writer(file_, CombiningVfs());
  ASSERT_EQ(writer.AddRows(), SQLITE_OK);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = std::filesystem::file_size(file_.string() + "-wal") + 50'000;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_NE(writer.AddRows(), SQLITE_OK);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(writer.Number("SELECT count(*) FROM thing"), 60);
  EXPECT_EQ(writer.AddRows(), SQLITE_OK);
  EXPECT_EQ(Connection(file_, nullptr).Number("SELECT count(*) FROM thing"), 120);
  EXPECT_EQ(Connection(file_, nullptr).Number("SELECT quick_check = 'ok' FROM pragma_quick_check"),
            1);
}

}  // namespace
}  // namespace parley
